"""Download one study's file."""

from panscape.data.download import retrieve
from panscape.pipeline import job

job.begin(snakemake)

name = snakemake.wildcards.study
(url,) = (study["url"] for study in snakemake.config["studies"] if study["id"] == name)
retrieve(url, snakemake.params.sha256, snakemake.output.counts, f"studies[{name}].url")
