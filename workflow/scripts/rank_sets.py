"""Run GSEA on the associations of genes."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.set_tests import set_tables
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
genes = files.read_tsv(given.genes, dtype={"gene": str, "phenotype": str, "model": str})
sets, tests = set_tables(collection, genes, settings, params.phenotypes, params.seed)
files.write_tsv(sets, output.sets)
files.write_tsv(tests, output.tests)
