"""Learn the dictionary of the collection."""

from panscape.coscape.dictionary.fit_stack import learn_stack
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import read_stack
from panscape.coscape.dictionary.write import dictionary_to_anndata
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = DictionarySettings.of(params.settings)
stack = read_stack(given.landscape, given.clusters, given.matrices, given.pairs, settings)
elbow = files.read_tsv(given.elbow)
k = int(elbow.loc[elbow["suggested"], "k"].iloc[0]) if settings.k == "auto" else settings.k
choice, result = learn_stack(stack, k, settings, params.seed, snakemake.threads)
learned = dictionary_to_anndata(result, stack, choice, params.settings, params.collection)
files.write_h5ad(learned, snakemake.output.dictionary)
