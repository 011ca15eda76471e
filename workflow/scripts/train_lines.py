"""Train the models of a job's lines, and derive embeddings and networks."""

import shutil

from panscape.data.files import read_tsv
from panscape.pipeline import job
from panscape.sivae.collection import job_cells
from panscape.sivae.depth import kept_fractions, thinned_depths
from panscape.sivae.stage import train_job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
lines = read_tsv(given.lines, dtype=str)
train_job(
    job_cells(lines, read_tsv(given.cells, dtype=str), snakemake.wildcards.job),
    dict(zip(params.studies, given.counts, strict=True)),
    list(read_tsv(given.genes, dtype=str)["gene"]),
    snakemake.output.folder,
    params.settings,
    params.seed,
    normalisation=params.normalisation,
    logged=params.logged,
    fractions=kept_fractions(lines),
    depth=thinned_depths(lines),
    threads=snakemake.threads,
    gpus=snakemake.resources.get("gpu", 0),
    checkpoint=params.checkpoint,
)
shutil.rmtree(params.checkpoint, ignore_errors=True)
