"""Place the collection's panclusters on the dictionary and landscape of another collection."""

from panscape import adapter, dictionary, files

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
table = dictionary.project_collection(
    params.settings["project_onto"],
    given.landscape,
    given.clusters,
    given.matrices,
    given.pairs,
    params.settings,
)
files.write_tsv(table, snakemake.output.projected)
