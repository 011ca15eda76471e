"""Generate the cells of one scenario."""

from panscape import adapter, training, unicoord

adapter.begin(snakemake)
training.prepare(snakemake.threads)

params = snakemake.params
scenario = next(item for item in params.scenarios if item["name"] == snakemake.wildcards.scenario)
model = unicoord.UniCoord.load(snakemake.input.model)
cells = unicoord.open_cells(snakemake.input.counts, snakemake.input.tables)
unicoord.write_scenario(model, cells, scenario, snakemake.output.cells, params.seed)
