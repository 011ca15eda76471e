"""List the neighbors of genes in the networks of all lines."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.neighbours import neighbour_tables
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, output = snakemake.input, snakemake.output
settings = NetworkSettings.of(snakemake.params.settings)
collection = read_collection(read_lines(given.lines), Path(given.lines).parent)
genes = files.read_tsv(given.genes, dtype={"gene": str, "model": str, "call": str})
consensus, by_line = neighbour_tables(collection, settings, genes)
files.write_tsv(consensus, output.consensus)
files.write_tsv(by_line, output.lines)
