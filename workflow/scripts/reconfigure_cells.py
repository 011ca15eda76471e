"""Generate the cells of one scenario."""

from panscape.pipeline import job
from panscape.training.device import prepare
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.stage import open_cells, write_scenario

job.begin(snakemake)
prepare()

params = snakemake.params
scenario = next(item for item in params.scenarios if item["name"] == snakemake.wildcards.scenario)
model = CoordinateSystem.load(snakemake.input.model)
cells = open_cells(snakemake.input.counts, snakemake.input.tables)
write_scenario(model, cells, scenario, snakemake.output.cells, params.seed)
