"""Count known interactions among the edges of all lines."""

from pathlib import Path

from panscape import adapter, files, networks, overlap

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
known = [overlap.read_network(path, name) for path, name in zip(given.networks, params.names, strict=True)]
files.write_tsv(networks.known_table(collection, settings.models, known), output.known)
