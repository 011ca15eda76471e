"""Build the target graphs of the overlap: the union of the dictionary's entries, and baselines."""

import numpy as np

from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import make_stack, read_panclusters
from panscape.coscape.dictionary.study import normalised_cells
from panscape.coscape.dictionary.write import read_dictionary
from panscape.coscape.overlap.targets import (
    MAIN,
    MEAN,
    all_cells_graph,
    baseline_graphs,
    graph_table,
    mean_graph,
    union_graph,
)
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
saved = read_dictionary(given.dictionary)
settings = DictionarySettings.of(params.settings)
combined, obs = read_panclusters(given.landscape, given.clusters, given.matrices, given.pairs)
graphs = {MAIN: union_graph(saved.edges, saved.gene_a, saved.gene_b, saved.genes)}
graphs[MEAN] = mean_graph(combined, graphs[MAIN].n_edges)
graphs |= baseline_graphs(
    make_stack(combined, obs, settings),
    len(saved.names),
    settings,
    resolutions=params.overlap["resolutions"],
    seed=params.seed,
    threads=snakemake.threads,
)
genes = np.asarray(saved.genes, dtype=object)
measured = [saved.genes_of(study) for study in params.studies]
cells = (
    normalised_cells(path, genes[flags], params.normalisation)[0]
    for path, flags in zip(given.counts, measured, strict=True)
)
graphs["all-cells"] = all_cells_graph(
    cells,
    saved.genes,
    params.overlap["eta"],
    measured=measured if saved.measured else None,
    fewest=graphs[MAIN].n_edges,
)
table = graph_table(graphs, {"all-cells": params.overlap["eta"]})
files.write_tsv(table, snakemake.output.targets)
