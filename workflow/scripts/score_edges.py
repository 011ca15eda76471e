"""Test the enrichment of known interactions among the edges of all lines."""

from pathlib import Path

from panscape.data import files
from panscape.data.edge_lists import read_network
from panscape.pipeline import job
from panscape.sivae.networks.known import known_table
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines), Path(given.lines).parent)
known = [read_network(path, name) for path, name in zip(given.networks, params.names, strict=True)]
files.write_tsv(known_table(collection, settings.models, known), output.known)
