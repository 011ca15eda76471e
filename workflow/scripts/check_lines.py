"""Check how reliable the network of each line is."""

from pathlib import Path

from panscape import adapter, files, networks

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
files.write_tsv(networks.check_lines(collection, settings), output.reliability)
