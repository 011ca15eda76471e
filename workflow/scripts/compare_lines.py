"""Compare the networks of all lines by one kernel."""

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
kernel, model = kernel_names(settings)[snakemake.wildcards.kernel]
similarity, embedding, tests = compare_lines(
    collection, kernel, model, settings, params.phenotypes, params.seed
)
files.write_tsv(similarity, output.similarity)
files.write_tsv(embedding, output.embedding)
files.write_tsv(tests, output.tests)
