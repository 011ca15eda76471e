"""Train the coordinate system of the collection."""

import pandas as pd

from panscape.data import files
from panscape.pipeline import job
from panscape.training.checkpoint import Checkpoint
from panscape.training.device import choose_device, prepare
from panscape.unicoord.configured import configured_labels
from panscape.unicoord.stage import open_cells
from panscape.unicoord.train import train

job.begin(snakemake)
prepare()

params = snakemake.params
cells = open_cells(snakemake.input.counts, snakemake.input.tables)
labels, hierarchy = configured_labels(params.settings, cells.obs)
trained = train(
    cells,
    labels,
    params.settings,
    hierarchy=hierarchy,
    seed=params.seed,
    device=choose_device(snakemake.resources.get("gpu", 0)),
    checkpoint=params.checkpoint,
)
trained.model.save(snakemake.output.model)
files.write_tsv(trained.history, snakemake.output.training)
split = pd.DataFrame(
    {"cell": cells.obs.index, "study": cells.obs["study"].astype(str), "split": trained.split}
)
files.write_tsv(split, snakemake.output.split)
Checkpoint(params.checkpoint, {}).remove()
