"""Simulate one study, of the developmental system or of cell lines with a phenotype."""

from panscape.pipeline import job
from panscape.simulate.design import design
from panscape.simulate.lines import lines_from_config, lines_study
from panscape.simulate.settings import from_config
from panscape.simulate.write import write_lines, write_study

job.begin(snakemake)

settings, name, path = snakemake.params.settings, snakemake.wildcards.study, snakemake.output.counts
lines = {item.name: item for item in lines_from_config(settings)}
if name in lines:
    write_lines(lines_study(lines[name], snakemake.params.seed), path)
else:
    system = design(from_config(settings), snakemake.params.seed)
    write_study(system, name, path)
