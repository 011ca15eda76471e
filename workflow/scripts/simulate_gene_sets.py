"""Write what is planted in the simulated system as gene sets."""

from panscape import adapter, features, simulate

adapter.begin(snakemake)

params = snakemake.params
system = simulate.design(simulate.from_config(params.settings), params.seed)
features.write_gmt(features.planted_sets(system), snakemake.output.gene_sets)
