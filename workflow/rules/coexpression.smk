"""Correlate all pairs of genes within every pancluster of each study.

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/counts.h5ad     raw counts after quality control
    results/{collection}/preprocess/genes.tsv               genes: `selected`, and which study measures them
    results/{collection}/panclust/{study}/clusters.tsv      the panclusters
    results/{collection}/panclust/{study}/members.npz       their cells
OUTPUTS
    results/{collection}/coexpression/{study}/matrices.npz  CSR, clusters x gene pairs: strong correlations
    results/{collection}/coexpression/{study}/pairs.tsv     gene_a, gene_b of its columns
    results/{collection}/coexpression/{study}/chance.tsv    pairs that pass in permuted cells, for some clusters
    results/{collection}/coexpression/{study}/expression.h5ad  clusters x genes: X geometric mean of counts,
                                                            layers mean (log expression) and detection; NaN:
                                                            the study does not measure the gene
"""


rule correlate_genes:
    """Compute the coexpression matrices of one study's panclusters."""
    input:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/preprocess/genes.tsv",
        clusters="results/{collection}/panclust/{study}/clusters.tsv",
        members="results/{collection}/panclust/{study}/members.npz",
    output:
        matrices="results/{collection}/coexpression/{study}/matrices.npz",
        pairs="results/{collection}/coexpression/{study}/pairs.tsv",
        expression="results/{collection}/coexpression/{study}/expression.h5ad",
        chance="results/{collection}/coexpression/{study}/chance.tsv",
    log:
        "logs/{collection}/coexpression/{study}/correlate_genes.log",
    benchmark:
        "benchmarks/{collection}/coexpression/{study}/correlate_genes.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("correlate_genes", "mem_mb"),
        runtime=needs("correlate_genes", "runtime"),
    params:
        settings=config["coexpression"],
        normalisation=config["preprocess"]["normalisation"],
        seed=config["seed"],
        code=code_digest("correlate_genes"),
    script:
        "../scripts/correlate_genes.py"
