"""Tabulate networks, centralities, markers and usage of the entries."""

import pandas as pd

from panscape.coscape.dictionary.interpret import entry_tables
from panscape.coscape.dictionary.networks import marker_genes
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.pipeline import job
from panscape.plot.view import read_view

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
reading = entry_tables(
    read_dictionary(given.dictionary),
    read_view(given.landscape).obs,
    params.columns,
    agreement=[files.read_csr(path).toarray() for path in given.agreement],
    size=[files.read_csr(path).toarray() for path in given.magnitude],
    chance=pd.concat([files.read_tsv(path) for path in given.chance]) if given.chance else None,
    top_genes=params.settings["top_genes"],
)
files.write_tsv(reading.entries, output.entries)
files.write_tsv(reading.edges, output.edges)
files.write_tsv(reading.markers, output.markers)
files.write_tsv(marker_genes(reading.markers), output.genes)
files.write_tsv(reading.centrality, output.centrality)
files.write_tsv(reading.links, output.links)
files.write_tsv(reading.usage, output.usage)
files.write_tsv(reading.fit, output.fit)
