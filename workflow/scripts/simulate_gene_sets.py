"""Write the planted modules and markers of the simulation as gene sets."""

from panscape.pipeline import job
from panscape.simulate.design import design
from panscape.simulate.planted_sets import planted_sets, write_gmt
from panscape.simulate.settings import from_config

job.begin(snakemake)

params = snakemake.params
system = design(from_config(params.settings), params.seed)
write_gmt(planted_sets(system), snakemake.output.gene_sets)
