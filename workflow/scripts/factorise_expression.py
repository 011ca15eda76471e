"""Factorise the expression of the panclusters, and compare the factors with the dictionary's entries."""

from panscape.coscape.dictionary.nmf_programs import factor_tables
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

saved = read_dictionary(snakemake.input.dictionary)
landscape = files.read_h5ad(snakemake.input.landscape)[list(saved.panclusters)]
tables = factor_tables(saved, landscape)
files.write_tsv(tables.usage, snakemake.output.usage)
files.write_tsv(tables.genes, snakemake.output.genes)
files.write_tsv(tables.matches, snakemake.output.matches)
