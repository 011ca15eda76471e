"""Find the panclusters of one study."""

from panscape.coscape.panclust.pancluster import pancluster
from panscape.data import files
from panscape.pipeline import job
from panscape.preprocess.genes import genes_of

job.begin(snakemake)

genes = files.read_tsv(snakemake.input.genes, dtype={"gene": str})
clusters, members = pancluster(
    snakemake.input.counts,
    genes_of(genes, snakemake.wildcards.study),
    snakemake.params.settings,
    snakemake.params.seed,
    study=snakemake.wildcards.study,
    threads=snakemake.threads,
)
files.write_tsv(clusters, snakemake.output.clusters)
files.write_csr(members, snakemake.output.members)
