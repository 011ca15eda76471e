"""Assign the cells of all lines to bins and jobs, and select the genes of the models."""

import pandas as pd

from panscape.data.files import write_tsv
from panscape.pipeline import job
from panscape.sivae.collection import plan_collection

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
plan, genes = plan_collection(
    dict(zip(params.studies, given.counts, strict=True)),
    dict(zip(params.studies, given.genes, strict=True)),
    params.settings,
    params.selection,
    params.seed,
    species=params.species,
    columns=params.columns,
    logged=params.logged,
)
write_tsv(plan.cells, snakemake.output.cells)
write_tsv(pd.DataFrame({"gene": genes}), snakemake.output.genes)
write_tsv(plan.lines, snakemake.output.lines)
