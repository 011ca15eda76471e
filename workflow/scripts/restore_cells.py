"""Generate groups of cells left out of training, and score them."""

from panscape.data import files
from panscape.pipeline import job
from panscape.training.device import choose_device, prepare
from panscape.unicoord.configured import configured_labels
from panscape.unicoord.leave_out import restore_groups
from panscape.unicoord.stage import open_cells

job.begin(snakemake)
prepare()

params = snakemake.params
cells = open_cells(snakemake.input.counts, snakemake.input.tables)
labels, hierarchy = configured_labels(params.settings, cells.obs)
device = choose_device(snakemake.resources.get("gpu", 0))
scores, curve = restore_groups(cells, labels, hierarchy, params.settings, params.seed, device)
files.write_tsv(scores, snakemake.output.scores)
files.write_tsv(curve, snakemake.output.curve)
