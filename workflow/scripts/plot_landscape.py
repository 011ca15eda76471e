"""Draw the figures of the landscape."""

from pathlib import Path

import pandas as pd

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.landscape import Source, draw_landscape, left_out
from panscape.plot.style import save_figure

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
source = Source(
    given.landscape,
    given.pseudotime,
    given.genes,
    given.pairs,
    given.statistics,
    given.expressions,
    list(zip(given.clusters, given.matrices, given.columns, strict=True)),
)
folder = Path(snakemake.output.png[0]).parent
missing = left_out(source, params.columns)
table = pd.DataFrame({"figure": list(missing), "reason": list(missing.values())}, dtype=str)
files.write_tsv(table, snakemake.output.not_drawn)
for name, figure in draw_landscape(source, params.columns, top=params.top, units=params.units):
    save_figure(figure, folder / name, formats=params.formats)
