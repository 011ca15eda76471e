"""Draw the changes of connectivity with the phenotypes."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.network_effects import draw_effects
from panscape.plot.style import save_figure
from panscape.sivae.networks import centrality, ends
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
kinds = {"effects": centrality.TEXT, "genes": centrality.TEXT, "ends": ends.TEXT}
tables = (files.read_tsv(given[name], dtype=kind) for name, kind in kinds.items())
folder = Path(snakemake.output.png[0]).parent
for name, figure in draw_effects(*tables, NetworkSettings.of(params.settings).models):
    save_figure(figure, folder / name, formats=params.formats)
