"""Compute the coexpression matrices of one study's panclusters."""

from panscape import seeds
from panscape.coscape.coexpression.coexpress import coexpress
from panscape.data import files
from panscape.pipeline import job
from panscape.preprocess.genes import genes_of

job.begin(snakemake)

genes = files.read_tsv(snakemake.input.genes, dtype={"gene": str})
result = coexpress(
    snakemake.input.counts,
    genes_of(genes, snakemake.wildcards.study),
    files.read_tsv(snakemake.input.clusters, dtype={"cluster": str, "study": str, "parent": str}),
    files.read_csr(snakemake.input.members),
    {
        **snakemake.params.settings,
        "normalisation": snakemake.params.normalisation,
        "min_expected": snakemake.params.min_expected,
    },
    all_genes=genes.loc[genes["selected"], "gene"],
    signal=bool(snakemake.output.get("signal")),
    threads=snakemake.threads,
    seed=seeds.derive(snakemake.params.seed, "coexpression", snakemake.wildcards.study),
)
files.write_csr(result.matrix, snakemake.output.matrices)
files.write_tsv(result.pairs, snakemake.output.pairs)
files.write_tsv(result.chance, snakemake.output.chance)
if result.signal is not None:
    files.write_csr(result.signal.stored(), snakemake.output.signal[0], quick=True)
files.write_h5ad(result.expression, snakemake.output.expression, compressed=False)
