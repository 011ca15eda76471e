"""Draw the figures of the dictionary."""

from pathlib import Path

from panscape.pipeline import job
from panscape.plot.dictionary import Tables, draw_dictionary
from panscape.plot.style import save_figure

job.begin(snakemake)

folder = Path(snakemake.output.png[0]).parent
tables = Tables.read(snakemake.input)
for name, figure in draw_dictionary(tables, units=snakemake.params.units):
    save_figure(figure, folder / name, formats=snakemake.params.formats)
