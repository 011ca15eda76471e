"""Learn the dictionary of the collection."""

from panscape import adapter, dictionary, files

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = dictionary.DictionarySettings.of(params.settings)
stack = dictionary.read_stack(given.landscape, given.clusters, given.matrices, given.pairs, settings)
elbow = files.read_tsv(given.elbow)
k = int(elbow.loc[elbow["suggested"], "k"].iloc[0]) if settings.k == "auto" else settings.k
choice, result = dictionary.learn_stack(stack, k, settings, params.seed, snakemake.threads)
with files.atomic(snakemake.output.dictionary) as scratch:
    learned = dictionary.to_anndata(result, stack, choice, params.settings, params.collection)
    learned.write_h5ad(scratch, compression="lzf")
