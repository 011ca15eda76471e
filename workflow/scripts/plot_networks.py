"""Draw the figures of the comparison of lines."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.networks import draw_networks
from panscape.plot.style import save_figure
from panscape.sivae.networks.centrality import TEXT
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.run import kernel_names
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
embeddings = {
    name: files.read_tsv(path, dtype={"line": str})
    for name, path in zip(params.kernels, given.embeddings, strict=True)
}
tables = {name: files.read_tsv(given[name], dtype=TEXT) for name in ("tests", "genes", "sets", "reliability")}
folder = Path(snakemake.output.png[0]).parent
for name, figure in draw_networks(
    collection, embeddings, tables, settings, params.phenotypes, kernel_names(settings)
):
    save_figure(figure, folder / name, formats=params.formats)
