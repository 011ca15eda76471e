"""Sum the cells of each metacell, describe metacells, and compare them with other methods."""

from panscape.coem.metacells.sum import read_grouped, sum_sample, write_summed
from panscape.coem.paired import load_paired
from panscape.pipeline import job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
sample = load_paired(given.sample)
grouped = read_grouped(given)
summed = sum_sample(sample, grouped, params.settings, genes=params.settings["genes"], seed=params.seed)
write_summed(summed, snakemake.output)
