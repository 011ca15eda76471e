"""Write what is planted in a simulated study of cell lines."""

from panscape import adapter, simulate

adapter.begin(snakemake)

settings = next(
    item
    for item in simulate.lines_from_config(snakemake.params.settings)
    if item.name == snakemake.wildcards.study
)
drawn = simulate.lines_study(settings, snakemake.params.seed)
output = snakemake.output
simulate.write_lines_truth(drawn, output.genes, output.lines, output.modules)
