"""Test edges in gene sets, and list the edges of groups."""

from pathlib import Path

from panscape import adapter, files, networks

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
edges, sets, groups, tests = networks.edge_tables(collection, settings, params.phenotypes, params.seed)
files.write_tsv(edges, output.edges)
files.write_tsv(sets, output.sets)
files.write_tsv(groups, output.groups)
files.write_tsv(tests, output.tests)
