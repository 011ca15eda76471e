"""Draw the figures of the overlap with known networks."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.overlap import draw_overlap
from panscape.plot.style import save_figure

job.begin(snakemake)

folder = Path(snakemake.output.png[0]).parent
zscores = files.read_tsv(snakemake.input.zscores, dtype={"network": str, "target": str})
curves = files.read_tsv(snakemake.input.curves, dtype={"network": str, "target": str})
edges = files.read_tsv(snakemake.input.edges, dtype={"gene_a": str, "gene_b": str, "networks": str})
least = snakemake.params.settings["min_networks"]
for name, figure in draw_overlap(zscores, curves, edges, min_networks=least):
    save_figure(figure, folder / name, formats=snakemake.params.formats)
