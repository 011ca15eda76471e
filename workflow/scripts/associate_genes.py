"""Test the centrality of all genes against the phenotypes."""

from pathlib import Path

import pandas as pd

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.gene_tests import gene_tables
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
kept = pd.concat([files.read_tsv(path) for path in given.kept])
genes, tests = gene_tables(collection, settings, params.phenotypes, params.seed, kept=kept)
files.write_tsv(genes, output.genes)
files.write_tsv(tests, output.tests)
