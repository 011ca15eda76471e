"""Run GSEA on the associations of genes."""

from pathlib import Path

from panscape import adapter, files, networks

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = networks.NetworkSettings.of(params.settings)
collection = networks.read_collection(networks.read_lines(given.lines), Path(given.lines).parent)
genes = files.read_tsv(given.genes, dtype={"gene": str, "phenotype": str, "model": str})
sets, tests = networks.set_tables(collection, genes, settings, params.phenotypes, params.seed)
files.write_tsv(sets, output.sets)
files.write_tsv(tests, output.tests)
