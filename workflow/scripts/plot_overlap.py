"""Draw the figures of the overlap with known networks."""

from pathlib import Path

from panscape import adapter, files, overlap, plot

adapter.begin(snakemake)

folder = Path(snakemake.output.png[0]).parent
zscores = files.read_tsv(snakemake.input.zscores, dtype={"network": str, "target": str})
edges = files.read_tsv(snakemake.input.edges, dtype={"gene_a": str, "gene_b": str, "networks": str})
for name, figure in overlap.draw_overlap(zscores, edges, least=snakemake.params.settings["min_networks"]):
    plot.save_figure(figure, folder / name, formats=snakemake.params.formats)
