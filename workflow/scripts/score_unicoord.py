"""Score the coordinate system on cells that it has not seen."""

from panscape import adapter, files, training, unicoord

adapter.begin(snakemake)
training.prepare(snakemake.threads)

given, made = snakemake.input, snakemake.output
model = unicoord.UniCoord.load(given.model)
cells = unicoord.open_cells(given.counts, given.tables)
split = files.read_tsv(given.split)["split"].to_numpy(dtype=str)
scores = unicoord.score_model(model, cells, split, snakemake.params.seed)
files.write_tsv(scores["metrics"], made.metrics)
files.write_tsv(scores["confusion"], made.confusion)
files.write_tsv(scores["calibration"], made.calibration)
files.write_tsv(unicoord.active_coordinates(model, cells, (split == "test").nonzero()[0]), made.active)
