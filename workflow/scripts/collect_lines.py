"""Concatenate the tables of all lines."""

from pathlib import Path

from panscape.data.files import write_tsv
from panscape.pipeline import job
from panscape.sivae.collect import collect_tables

job.begin(snakemake)

folders = {Path(path).parent.name: Path(path).parent for path in snakemake.input.models}
names = [Path(path).name for path in snakemake.output]
for path, table in zip(snakemake.output, collect_tables(folders, names).values(), strict=True):
    write_tsv(table, path)
