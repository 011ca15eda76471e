"""Compare the gene networks of cells before and after reconfiguration."""

from panscape.data import files
from panscape.pipeline import job
from panscape.training.device import prepare
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.network import network_change
from panscape.unicoord.stage import open_cells

job.begin(snakemake)
prepare()

params = snakemake.params
scenario = next(item for item in params.scenarios if item["name"] == snakemake.wildcards.scenario)
model = CoordinateSystem.load(snakemake.input.model)
cells = open_cells(snakemake.input.counts, snakemake.input.tables)
pairs, scores = network_change(model, cells, scenario, params.cut, params.seed)
files.write_tsv(pairs, snakemake.output.pairs)
files.write_tsv(scores, snakemake.output.scores)
