"""Fit dictionaries of every size and suggest one."""

from panscape import adapter, dictionary, files

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = dictionary.DictionarySettings.of(params.settings)
stack = dictionary.read_stack(given.landscape, given.clusters, given.matrices, given.pairs, settings)
table = dictionary.stack_elbow(stack, settings, params.seed, snakemake.threads)
files.write_tsv(table, snakemake.output.elbow)
