"""Test the edges in gene sets, and list the edges of groups of lines."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.edge_tests import edge_tables
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
edges, sets, groups, tests = edge_tables(collection, settings, params.phenotypes, params.seed)
files.write_tsv(edges, output.edges)
files.write_tsv(sets, output.sets)
files.write_tsv(groups, output.groups)
files.write_tsv(tests, output.tests)
