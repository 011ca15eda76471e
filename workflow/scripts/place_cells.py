"""Compute the coordinates and predicted labels of all cells."""

from panscape.data import files
from panscape.pipeline import job
from panscape.training.device import prepare
from panscape.unicoord.coordinates import write_coordinates
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.stage import open_cells, write_predictions

job.begin(snakemake)
prepare()

given, made = snakemake.input, snakemake.output
model = CoordinateSystem.load(given.model)
cells = open_cells(given.counts, given.tables)
split = files.read_tsv(given.split)["split"].to_numpy(dtype=str)
params = snakemake.params
write_coordinates(model, cells, split, made.coordinates, params.batch, params.seed)
write_predictions(model, cells, split, made.predictions)
