"""Fit dictionaries of every size and suggest one."""

from panscape.coscape.dictionary.fit_stack import stack_elbow
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import read_stack
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = DictionarySettings.of(params.settings)
stack = read_stack(given.landscape, given.clusters, given.matrices, given.pairs, settings)
table = stack_elbow(stack, settings, params.seed, snakemake.threads)
files.write_tsv(table, snakemake.output.elbow)
