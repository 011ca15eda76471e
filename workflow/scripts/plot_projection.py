"""Draw the projected panclusters on the reference's map, and their predicted values."""

from pathlib import Path

from panscape import adapter, files, plot, project

adapter.begin(snakemake)

folder = Path(snakemake.output.png[0]).parent
projected = files.read_tsv(snakemake.input.projected, dtype={"cluster": str, "study": str, "nearest": str})
for name, figure in project.draw_projection(
    projected, snakemake.input.landscape, units=snakemake.params.units
):
    plot.save_figure(figure, folder / name, formats=snakemake.params.formats)
