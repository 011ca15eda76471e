"""Sum the cells of each metacell, describe metacells and judge them beside other methods."""

from panscape import adapter, metacells

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
sample = metacells.load_paired(given.sample)
grouped = metacells.read_grouped(given)
summed = metacells.sum_sample(
    sample, grouped, params.settings, genes=params.settings["genes"], seed=params.seed
)
metacells.write_summed(summed, snakemake.output)
