"""Draw the figures of the dictionary."""

from pathlib import Path

from panscape import adapter, dictionary, plot

adapter.begin(snakemake)

folder = Path(snakemake.output.png[0]).parent
tables = dictionary.Tables.read(snakemake.input)
for name, figure in dictionary.draw_dictionary(tables, units=snakemake.params.units):
    plot.save_figure(figure, folder / name, formats=snakemake.params.formats)
