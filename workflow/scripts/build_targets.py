"""Make the graphs whose overlap with known networks is measured: the dictionary's union and baselines."""

import numpy as np

from panscape import adapter, dictionary, files, overlap

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
saved = dictionary.read_dictionary(given.dictionary)
settings = dictionary.DictionarySettings.of(params.settings)
stack = dictionary.read_stack(given.landscape, given.clusters, given.matrices, given.pairs, settings)
graphs = {overlap.MAIN: overlap.union_graph(saved.edges, saved.gene_a, saved.gene_b, saved.genes)}
graphs |= overlap.baseline_graphs(
    stack,
    len(saved.names),
    settings,
    resolutions=params.overlap["resolutions"],
    seed=params.seed,
    threads=snakemake.threads,
)
genes = np.asarray(saved.genes, dtype=object)
measured = [saved.genes_of(study) for study in params.studies]
cells = (
    dictionary.normalised(path, genes[own], params.normalisation)[0]
    for path, own in zip(given.counts, measured, strict=True)
)
graphs["all-cells"] = overlap.all_cells_graph(
    cells, saved.genes, params.overlap["eta"], measured=measured if saved.measured else None
)
files.write_tsv(overlap.graph_table(graphs), snakemake.output.targets)
