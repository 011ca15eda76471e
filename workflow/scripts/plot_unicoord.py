"""Draw the learned coordinates, their predictions and the generated cells."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.style import save_figure
from panscape.plot.unicoord import draw_unicoord

job.begin(snakemake)

given = snakemake.input
folder = Path(snakemake.output.png[0]).parent
text = dict.fromkeys(["label", "truth", "predicted", "kind", "best_label"], str)
tables = {
    name: files.read_tsv(path, dtype=text, low_memory=False)
    for name, path in given.items()
    if name not in ("coordinates", "pairs", "scores") and path
}
networks = {
    Path(pairs).parent.name: (files.read_tsv(pairs), files.read_tsv(scores, dtype={"scenario": str}))
    for pairs, scores in zip(given.pairs, given.scores, strict=True)
}
for name, figure in draw_unicoord(tables, files.read_h5ad(given.coordinates), networks):
    save_figure(figure, folder / name, formats=snakemake.params.formats)
