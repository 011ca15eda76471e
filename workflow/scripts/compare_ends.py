"""Compare the network of a gene set in lines at both ends of a phenotype."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.centrality import TEXT
from panscape.sivae.networks.ends import end_table
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
genes, sets = (files.read_tsv(path, dtype=TEXT) for path in (given.genes, given.sets))
files.write_tsv(end_table(collection, settings, params.phenotypes, genes, sets), snakemake.output.edges)
