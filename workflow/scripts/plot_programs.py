"""Draw the programmes of the dictionary."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.program_maps import plot_gene_map, plot_traits, plot_volcano
from panscape.plot.programs import plot_changes, plot_scores
from panscape.plot.style import save_figure

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
folder = Path(snakemake.output.png[0]).parent
text = {"entry": str, "column": str, "value": str, "top_genes": str}
programs, means = (files.read_tsv(path, dtype=text) for path in (given.programs, given.means))
save_figure(plot_scores(programs, means, units=params.units), folder / "scores", formats=params.formats)
genes = files.read_tsv(given.genes, dtype={"gene": str, "entry": str})
save_figure(plot_gene_map(programs, genes), folder / "gene-map", formats=params.formats)
if given.get("changes"):
    changes = files.read_tsv(given.changes, dtype=text | {"measure": str, "kind": str})
    for name, draw in (("changes", plot_changes), ("traits", plot_traits), ("volcano", plot_volcano)):
        save_figure(draw(programs, changes), folder / name, formats=params.formats)
