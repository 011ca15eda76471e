"""Draw the projected panclusters on the reference's map, and their predicted values."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.project import draw_projection
from panscape.plot.style import save_figure

job.begin(snakemake)

folder = Path(snakemake.output.png[0]).parent
projected = files.read_tsv(snakemake.input.projected, dtype={"cluster": str, "study": str, "nearest": str})
for name, figure in draw_projection(projected, snakemake.input.landscape, units=snakemake.params.units):
    save_figure(figure, folder / name, formats=snakemake.params.formats)
