"""Group a sample's cells into metacells, by the embedding and by the compared methods."""

from panscape.coem.metacells.learned import read_embedding
from panscape.coem.metacells.stage import group_sample
from panscape.coem.metacells.sum import write_grouped
from panscape.coem.paired import load_paired
from panscape.pipeline import job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
sample = load_paired(given.sample)
grouped = group_sample(
    sample,
    params.settings,
    learned=read_embedding(given.embedding, sample.obs.index),
    seed=params.seed,
    threads=snakemake.threads,
)
write_grouped(grouped, snakemake.output)
