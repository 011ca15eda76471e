"""Test the genes of every entry's marker edges for gene sets."""

from panscape.coscape.dictionary.enrich import enrich_genes
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.data.gene_sets import named_paths, read_gene_sets, restrict
from panscape.pipeline import job

job.begin(snakemake)

given, settings = snakemake.input, snakemake.params.settings
low, high = sorted(settings["set_sizes"])
background = read_dictionary(given.dictionary).genes
libraries = [
    restrict(read_gene_sets(path), background, library=name, min_size=low, max_size=high)
    for name, path in named_paths(settings["gene_sets"]).items()
]
genes = files.read_tsv(given.genes, dtype={"entry": str, "gene": str})
queries = {entry: list(part["gene"]) for entry, part in genes.groupby("entry")}
table = enrich_genes(queries, libraries, nominal=settings["nominal"], merge=settings["merge"])
files.write_tsv(table, snakemake.output.enrichment)
