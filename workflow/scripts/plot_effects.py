"""Draw the changes of connectivity with the phenotypes."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.network_effects import draw_effects
from panscape.plot.style import save_figure
from panscape.sivae.networks.centrality import TEXT
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
tables = (files.read_tsv(given[name], dtype=TEXT) for name in ("effects", "genes", "ends"))
folder = Path(snakemake.output.png[0]).parent
for name, figure in draw_effects(*tables, NetworkSettings.of(params.settings).models):
    save_figure(figure, folder / name, formats=params.formats)
