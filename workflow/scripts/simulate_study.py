"""Draw one simulated study."""

from panscape import adapter, simulate

adapter.begin(snakemake)

system = simulate.design(simulate.from_config(snakemake.params.settings), snakemake.params.seed)
simulate.write_study(system, snakemake.wildcards.study, snakemake.output.counts)
