"""Find the panclusters of one study."""

from panscape import adapter, files, panclust, preprocess

adapter.begin(snakemake)

genes = files.read_tsv(snakemake.input.genes, dtype={"gene": str})
clusters, members = panclust.pancluster(
    snakemake.input.counts,
    preprocess.genes_of(genes, snakemake.wildcards.study),
    snakemake.params.settings,
    snakemake.params.seed,
    study=snakemake.wildcards.study,
    threads=snakemake.threads,
)
files.write_tsv(clusters, snakemake.output.clusters)
files.write_csr(members, snakemake.output.members)
