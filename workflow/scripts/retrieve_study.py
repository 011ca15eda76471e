"""Download one study's file."""

from panscape import adapter, io

adapter.begin(snakemake)

where = f"studies[{snakemake.wildcards.study}].url"
io.retrieve(snakemake.params.url, snakemake.params.sha256, snakemake.output.counts, where)
