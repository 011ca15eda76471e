"""Compare the gene network of cells with that of the same cells reconfigured."""

from panscape import adapter, files, training, unicoord

adapter.begin(snakemake)
training.prepare(snakemake.threads)

params = snakemake.params
scenario = next(item for item in params.scenarios if item["name"] == snakemake.wildcards.scenario)
model = unicoord.UniCoord.load(snakemake.input.model)
cells = unicoord.open_cells(snakemake.input.counts, snakemake.input.tables)
pairs, scores = unicoord.network_change(model, cells, scenario, params.cut, params.seed)
files.write_tsv(pairs, snakemake.output.pairs)
files.write_tsv(scores, snakemake.output.scores)
