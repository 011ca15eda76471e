"""Put the tables of all lines together."""

from pathlib import Path

from panscape import adapter, sivae
from panscape.files import write_tsv

adapter.begin(snakemake)

folders = {Path(path).parent.name: Path(path).parent for path in snakemake.input.models}
names = [Path(path).name for path in snakemake.output]
for path, table in zip(snakemake.output, sivae.collect_tables(folders, names).values(), strict=True):
    write_tsv(table, path)
