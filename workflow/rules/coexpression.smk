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
    with landscape.distance: corrected
    results/{collection}/coexpression/{study}/signal.npz    CSR, two upper triangles of gene pairs above each other:
                                                            sums of T^2 over the panclusters, and of its noise
    results/{collection}/coexpression/signal_pairs.tsv      gene_a, gene_b, weight, signal, n_studies: the pairs with
                                                            the most signal
    results/{collection}/coexpression/{study}/scores.npz    CSR, clusters x those pairs: T, the correlation or
                                                            (estimator: corrected) the score statistic
"""

CORRECTED = config["landscape"]["distance"] == "corrected"
SIGNAL = ["results/{collection}/coexpression/{study}/signal.npz"] if CORRECTED else []


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
        signal=SIGNAL,
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
        min_expected=config["landscape"]["min_expected"],
        seed=config["seed"],
        code=code_digest("correlate_genes"),
    script:
        "../scripts/correlate_genes.py"


rule choose_pairs:
    """Choose the gene pairs with the most signal over the panclusters of all studies (corrected distance)."""
    input:
        genes="results/{collection}/preprocess/genes.tsv",
        signal=of_studies("results/{collection}/coexpression/{study}/signal.npz"),
    output:
        pairs="results/{collection}/coexpression/signal_pairs.tsv",
    log:
        "logs/{collection}/coexpression/choose_pairs.log",
    benchmark:
        "benchmarks/{collection}/coexpression/choose_pairs.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("choose_pairs", "mem_mb"),
        runtime=needs("choose_pairs", "runtime"),
    params:
        studies=STUDIES,
        top=config["landscape"]["top_pairs"],
        code=code_digest("choose_pairs"),
    script:
        "../scripts/choose_pairs.py"


rule score_pairs:
    """Score the chosen gene pairs in every pancluster of one study (corrected distance)."""
    input:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/preprocess/genes.tsv",
        members="results/{collection}/panclust/{study}/members.npz",
        pairs="results/{collection}/coexpression/signal_pairs.tsv",
    output:
        scores="results/{collection}/coexpression/{study}/scores.npz",
    log:
        "logs/{collection}/coexpression/{study}/score_pairs.log",
    benchmark:
        "benchmarks/{collection}/coexpression/{study}/score_pairs.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("score_pairs", "mem_mb"),
        runtime=needs("score_pairs", "runtime"),
    params:
        estimator=config["coexpression"]["estimator"],
        normalisation=config["preprocess"]["normalisation"],
        min_expected=config["landscape"]["min_expected"],
        code=code_digest("score_pairs"),
    script:
        "../scripts/score_pairs.py"
