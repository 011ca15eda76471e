"""Draw one simulated study: of the developing system, or of cell lines with a phenotype."""

from panscape import adapter, simulate

adapter.begin(snakemake)

settings, name, path = snakemake.params.settings, snakemake.wildcards.study, snakemake.output.counts
lines = {item.name: item for item in simulate.lines_from_config(settings)}
if name in lines:
    simulate.write_lines(simulate.lines_study(lines[name], snakemake.params.seed), path)
else:
    system = simulate.design(simulate.from_config(settings), snakemake.params.seed)
    simulate.write_study(system, name, path)
