"""Write what is planted in the simulated system."""

from pathlib import Path

from panscape import adapter, simulate

adapter.begin(snakemake)

system = simulate.design(simulate.from_config(snakemake.params.settings), snakemake.params.seed)
simulate.write_truth(system, Path(snakemake.output.genes).parent)
