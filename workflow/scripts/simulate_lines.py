"""Write the truth of a simulated study of cell lines."""

from panscape.pipeline import job
from panscape.simulate.lines import lines_from_config, lines_study
from panscape.simulate.write import write_lines_truth

job.begin(snakemake)

settings = next(
    item for item in lines_from_config(snakemake.params.settings) if item.name == snakemake.wildcards.study
)
drawn = lines_study(settings, snakemake.params.seed)
output = snakemake.output
write_lines_truth(drawn, output.genes, output.lines, output.modules)
