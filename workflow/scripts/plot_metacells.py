"""Draw the figures of a sample's metacells."""

from pathlib import Path

from panscape.pipeline import job
from panscape.plot.metacells import Drawn, draw_metacells
from panscape.plot.style import save_figure

job.begin(snakemake)

params, folder = snakemake.params, Path(snakemake.output.png[0]).parent
drawn = Drawn.read(snakemake.input, params.settings["genes"])
for name, figure in draw_metacells(drawn, params.settings):
    save_figure(figure, folder / name, formats=params.formats)
