"""Put the tables of quality control of all studies together."""

import pandas as pd

from panscape import adapter
from panscape.files import read_tsv, write_tsv

adapter.begin(snakemake)

write_tsv(pd.concat([read_tsv(path, dtype=str) for path in snakemake.input.tables]), snakemake.output.qc)
