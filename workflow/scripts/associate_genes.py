"""Test the centrality of all genes against the phenotypes."""

from pathlib import Path

from panscape import adapter, files, networks

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
genes, tests = networks.gene_tables(collection, settings, params.phenotypes, params.seed)
files.write_tsv(genes, output.genes)
files.write_tsv(tests, output.tests)
