"""List which of the reference's genes a study measures."""

from panscape.coscape.project.collection import match_genes
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given = snakemake.input
genes = files.read_tsv(given.reference, dtype={"gene": str})
table = match_genes(
    genes.loc[genes["selected"], "gene"],
    files.read_tsv(given.genes, dtype={"gene": str})["gene"],
    snakemake.wildcards.study,
)
files.write_tsv(table, snakemake.output.genes)
