"""Train the coordinate system of the collection."""

import pandas as pd

from panscape import adapter, files, training, unicoord

adapter.begin(snakemake)
training.prepare(snakemake.threads)

params = snakemake.params
cells = unicoord.open_cells(snakemake.input.counts, snakemake.input.tables)
labels, hierarchy = unicoord.configured_labels(params.settings, cells.obs)
trained = unicoord.train(
    cells,
    labels,
    params.settings,
    hierarchy=hierarchy,
    seed=params.seed,
    device=training.choose_device(snakemake.resources.get("gpu", 0)),
    checkpoint=params.checkpoint,
)
trained.model.save(snakemake.output.model)
files.write_tsv(trained.history, snakemake.output.training)
split = pd.DataFrame(
    {"cell": cells.obs.index, "study": cells.obs["study"].astype(str), "split": trained.split}
)
files.write_tsv(split, snakemake.output.split)
training.Checkpoint(params.checkpoint, {}).remove()
