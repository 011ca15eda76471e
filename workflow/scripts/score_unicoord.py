"""Score the coordinate system on held-out cells."""

from panscape.data import files
from panscape.pipeline import job
from panscape.training.device import prepare
from panscape.unicoord.coordinates import active_coordinates
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.score import score_model
from panscape.unicoord.stage import open_cells

job.begin(snakemake)
prepare()

given, made = snakemake.input, snakemake.output
model = CoordinateSystem.load(given.model)
cells = open_cells(given.counts, given.tables)
split = files.read_tsv(given.split)["split"].to_numpy(dtype=str)
scores = score_model(model, cells, split, snakemake.params.seed)
files.write_tsv(scores["metrics"], made.metrics)
files.write_tsv(scores["confusion"], made.confusion)
files.write_tsv(scores["calibration"], made.calibration)
files.write_tsv(active_coordinates(model, cells, (split == "test").nonzero()[0]), made.active)
