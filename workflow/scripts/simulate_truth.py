"""Write the truth of the simulated developmental system."""

from pathlib import Path

from panscape.pipeline import job
from panscape.simulate.design import design
from panscape.simulate.settings import from_config
from panscape.simulate.write import write_truth

job.begin(snakemake)

system = design(from_config(snakemake.params.settings), snakemake.params.seed)
write_truth(system, Path(snakemake.output.genes).parent)
