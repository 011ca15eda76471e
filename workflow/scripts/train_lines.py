"""Train the models of a job's lines, and derive embeddings and networks."""

import shutil

from panscape.data.files import read_tsv
from panscape.pipeline import job
from panscape.sivae.collection import job_cells
from panscape.sivae.depth import kept_fractions
from panscape.sivae.stage import train_job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
lines = read_tsv(given.lines, dtype=str)
fractions = kept_fractions(lines)
train_job(
    job_cells(lines, read_tsv(given.cells, dtype=str), snakemake.wildcards.job),
    dict(zip(params.studies, given.counts, strict=True)),
    list(read_tsv(given.genes, dtype=str)["gene"]),
    snakemake.output.folder,
    params.settings,
    params.seed,
    normalisation=params.normalisation,
    logged=params.logged,
    fractions=fractions,
    depth=float(lines["thinned_to"].dropna().iloc[0]) if fractions else None,
    threads=snakemake.threads,
    gpus=snakemake.resources.get("gpu", 0),
    checkpoint=params.checkpoint,
)
shutil.rmtree(params.checkpoint, ignore_errors=True)
