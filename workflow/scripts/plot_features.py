"""Draw the selection of gene sets and their scores by class."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.plot.features import draw_features
from panscape.plot.style import save_figure
from panscape.unicoord.features.settings import FeatureSettings

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
folder = Path(snakemake.output.png[0]).parent
table = files.read_tsv(given.features, dtype={"term": str, "library": str, "best_class": str})
correlation = files.read_tsv(given.correlation, dtype={"term": str}).set_index("term")
drawn = draw_features(table, correlation, files.read_h5ad(given.scores), FeatureSettings.of(params.settings))
for name, figure in drawn:
    save_figure(figure, folder / name, formats=params.formats)
