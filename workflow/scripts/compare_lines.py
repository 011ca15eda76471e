"""Compare the networks of all lines by every kernel."""

from pathlib import Path

from panscape.data import files
from panscape.pipeline import job
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.run import compare_lines, kernel_names
from panscape.sivae.networks.settings import NetworkSettings

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = NetworkSettings.of(params.settings)
collection = read_collection(read_lines(given.lines, settings.table), Path(given.lines).parent)
names = kernel_names(settings)
paths = zip(output.similarity, output.embedding, output.tests, strict=True)
for name, written in zip(params.kernels, paths, strict=True):
    tables = compare_lines(collection, *names[name], settings, params.phenotypes, params.seed)
    for table, path in zip(tables, written, strict=True):
        files.write_tsv(table, path)
