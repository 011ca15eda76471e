"""Compare the networks of all lines by one kernel."""

from pathlib import Path

from panscape import adapter, files, networks

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
kernel, model = networks.kernel_names(settings)[snakemake.wildcards.kernel]
similarity, embedding, tests = networks.compare_lines(
    collection, kernel, model, settings, params.phenotypes, params.seed
)
files.write_tsv(similarity, output.similarity)
files.write_tsv(embedding, output.embedding)
files.write_tsv(tests, output.tests)
