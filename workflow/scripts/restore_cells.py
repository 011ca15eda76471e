"""Restore groups that a model was trained without, and score them."""

from panscape import adapter, files, training, unicoord

adapter.begin(snakemake)
training.prepare(snakemake.threads)

params = snakemake.params
cells = unicoord.open_cells(snakemake.input.counts, snakemake.input.tables)
labels, hierarchy = unicoord.configured_labels(params.settings, cells.obs)
device = training.choose_device(snakemake.resources.get("gpu", 0))
scores, curve = unicoord.restore_groups(cells, labels, hierarchy, params.settings, params.seed, device)
files.write_tsv(scores, snakemake.output.scores)
files.write_tsv(curve, snakemake.output.curve)
