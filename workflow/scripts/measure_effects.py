"""Measure the change of connectivity with the phenotypes, of genes and gene sets."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.effects import effect_tables
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
genes, sets = effect_tables(collection, settings, params.phenotypes, params.seed)
files.write_tsv(genes, output.genes)
files.write_tsv(sets, output.sets)
