"""Concatenate the quality control tables of all studies."""

import pandas as pd

from panscape.data.files import read_tsv, write_tsv
from panscape.pipeline import job

job.begin(snakemake)

for name in ("qc", "kept"):
    tables = [read_tsv(path, dtype=str) for path in snakemake.input[name]]
    write_tsv(pd.concat(tables), snakemake.output[name])
