"""Draw the figures of the comparison of lines."""

from pathlib import Path

from panscape import adapter, files, networks, plot

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
embeddings = {
    name: files.read_tsv(path, dtype={"line": str})
    for name, path in zip(params.kernels, given.embeddings, strict=True)
}
tables = {name: files.read_tsv(given[name]) for name in ("tests", "genes", "sets", "reliability")}
folder = Path(snakemake.output.png[0]).parent
for name, figure in networks.draw_networks(
    collection, embeddings, tables, settings, params.phenotypes, networks.kernel_names(settings)
):
    plot.save_figure(figure, folder / name, formats=params.formats)
