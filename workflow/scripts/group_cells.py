"""Group a sample's cells into metacells, also by the methods that the embedding is compared with."""

from panscape import adapter, metacells

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
sample = metacells.load_paired(given.sample)
grouped = metacells.group_sample(
    sample,
    params.settings,
    learned=metacells.read_embedding(given.embedding, sample.obs.index),
    seed=params.seed,
    threads=snakemake.threads,
)
metacells.write_grouped(grouped, snakemake.output)
