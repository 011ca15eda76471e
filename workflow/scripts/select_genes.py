"""Select the genes that are variable in every study that measures them."""

import pandas as pd

from panscape.data.files import read_tsv, write_tsv
from panscape.pipeline import job
from panscape.preprocess.genes import select_genes

job.begin(snakemake)

params = snakemake.params
tables = {
    study: read_tsv(path, dtype={"gene": str})
    for study, path in zip(params.studies, snakemake.input.tables, strict=True)
}
qc = pd.concat([read_tsv(path, dtype={"study": str}) for path in snakemake.input.qc])
genes = select_genes(
    tables,
    n_genes=params.settings["n_genes"],
    top_per_study=params.settings["top_per_study"],
    score=params.settings["score"],
    min_detection=params.settings["min_detection"],
    n_cells=qc[qc["unit"] == "cells"].groupby("study")["left"].min().to_dict(),
    exclude=params.settings["exclude_genes"],
    species=params.species,
    present_in=params.settings["present_in"],
)
write_tsv(genes, snakemake.output.genes)
