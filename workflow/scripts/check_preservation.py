"""Test whether the entries of a finished collection are groups of genes in a study."""

from panscape import seeds
from panscape.coscape.dictionary.preservation import study_preservation
from panscape.data import files
from panscape.data.counts import Counts
from panscape.pipeline import job

job.begin(snakemake)

given = snakemake.input
text = dict.fromkeys(("entry", "gene", "kind", "name", "top_genes"), str)
membership, placed, programs = (
    files.read_tsv(path, dtype=text) for path in (given.membership, given.genes, given.programs)
)
table = study_preservation(
    Counts(given.counts),
    files.read_csr(given.members),
    membership,
    placed,
    programs,
    rng=seeds.stream(snakemake.params.seed, "preservation", snakemake.wildcards.study),
)
files.write_tsv(table, snakemake.output.preservation)
