"""Download one study's file."""

from panscape.data.download import retrieve
from panscape.pipeline import job

job.begin(snakemake)

where = f"studies[{snakemake.wildcards.study}].url"
retrieve(snakemake.params.url, snakemake.params.sha256, snakemake.output.counts, where)
