"""Factorise the panclusters' expression and set its factors beside the dictionary's entries."""

import anndata

from panscape import adapter, dictionary, files

adapter.begin(snakemake)

saved = dictionary.read_dictionary(snakemake.input.dictionary)
landscape = anndata.read_h5ad(snakemake.input.landscape)[list(saved.panclusters)]
found = dictionary.factor_tables(saved, landscape)
files.write_tsv(found.usage, snakemake.output.usage)
files.write_tsv(found.genes, snakemake.output.genes)
files.write_tsv(found.matches, snakemake.output.matches)
