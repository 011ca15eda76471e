"""Factorise the panclusters' expression and set its factors beside the dictionary's entries."""

import anndata

from panscape.coscape.dictionary.nmf_programs import factor_tables
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

saved = read_dictionary(snakemake.input.dictionary)
landscape = anndata.read_h5ad(snakemake.input.landscape)[list(saved.panclusters)]
found = factor_tables(saved, landscape)
files.write_tsv(found.usage, snakemake.output.usage)
files.write_tsv(found.genes, snakemake.output.genes)
files.write_tsv(found.matches, snakemake.output.matches)
