"""Give all cells their coordinates and predicted labels."""

from panscape import adapter, files, training, unicoord

adapter.begin(snakemake)
training.prepare(snakemake.threads)

given, made = snakemake.input, snakemake.output
model = unicoord.UniCoord.load(given.model)
cells = unicoord.open_cells(given.counts, given.tables)
split = files.read_tsv(given.split)["split"].to_numpy(dtype=str)
unicoord.write_coordinates(model, cells, split, made.coordinates)
unicoord.write_predictions(model, cells, split, made.predictions)
