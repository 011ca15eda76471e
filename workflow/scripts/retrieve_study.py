"""Download one study's file."""

from panscape.config.studies import study
from panscape.data.download import retrieve
from panscape.pipeline import job

job.begin(snakemake)

name = snakemake.wildcards.study
where = f"studies[{name}].url"
retrieve(study(snakemake.config, name)["url"], snakemake.params.sha256, snakemake.output.counts, where)
