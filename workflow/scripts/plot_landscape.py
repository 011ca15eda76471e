"""Draw the figures of the landscape."""

from pathlib import Path

from panscape import adapter, plot

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
source = plot.Source(
    given.landscape,
    given.genes,
    given.pairs,
    given.statistics,
    given.expressions,
    list(zip(given.clusters, given.matrices, given.columns, strict=True)),
)
folder = Path(snakemake.output.png[0]).parent
for name, figure in plot.draw_landscape(source, params.columns, top=params.top, units=params.units):
    plot.save_figure(figure, folder / name, formats=params.formats)
