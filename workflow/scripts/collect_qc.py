"""Concatenate the quality control tables of all studies, and count the genes mapped from other species."""

import pandas as pd

from panscape.data.files import read_tsv, write_tsv
from panscape.data.readers.orthologues import SUMMARY, summary
from panscape.pipeline import job

job.begin(snakemake)

for name in ("qc", "kept", "understood"):
    tables = [read_tsv(path, dtype=str) for path in snakemake.input[name]]
    write_tsv(pd.concat(tables), snakemake.output[name])
species, rows = snakemake.params.species, []
for study, path in zip(species, snakemake.input.orthologues, strict=True):
    table = read_tsv(path, dtype={"gene": str, "orthologue": str, "relation": str})
    rows += [summary(table, study, species[study])] if len(table) else []
write_tsv(pd.DataFrame(rows, columns=list(SUMMARY)), snakemake.output.orthologues)
