"""Concatenate the tests of all comparisons of lines."""

import pandas as pd

from panscape.data.files import read_tsv, write_tsv
from panscape.pipeline import job

job.begin(snakemake)

given = snakemake.input
tables = [read_tsv(path, dtype=str) for path in (*given.kernels, given.genes, given.sets, given.edges)]
write_tsv(pd.concat(tables), snakemake.output.tests)
