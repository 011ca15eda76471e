"""Draw the figures of a sample's metacells."""

from pathlib import Path

from panscape import adapter, metacells, plot

adapter.begin(snakemake)

params, folder = snakemake.params, Path(snakemake.output.png[0]).parent
drawn = metacells.Drawn.read(snakemake.input, params.settings["genes"])
for name, figure in metacells.draw_metacells(drawn, params.settings):
    plot.save_figure(figure, folder / name, formats=params.formats)
