"""Measure the reliability of each line's network."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.reliability import check_lines
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines), Path(given.lines).parent)
files.write_tsv(check_lines(collection, settings), output.reliability)
