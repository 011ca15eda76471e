"""Cluster the cells of each study at several resolutions and keep every level of agglomeration.

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/counts.h5ad   raw counts after quality control
    results/{collection}/preprocess/genes.tsv             genes: `selected`, and which study measures them
OUTPUTS
    results/{collection}/panclust/{study}/clusters.tsv    cluster, study, resolution, level, parent, n_cells,
                                                          multiplicity, duplicates; the root (all cells) first
    results/{collection}/panclust/{study}/members.npz     CSR of ones, clusters x cells
"""


rule find_panclusters:
    """Find the panclusters of one study."""
    input:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/preprocess/genes.tsv",
    output:
        clusters="results/{collection}/panclust/{study}/clusters.tsv",
        members="results/{collection}/panclust/{study}/members.npz",
    log:
        "logs/{collection}/panclust/{study}/find_panclusters.log",
    benchmark:
        "benchmarks/{collection}/panclust/{study}/find_panclusters.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("find_panclusters", "mem_mb"),
        runtime=needs("find_panclusters", "runtime"),
    params:
        settings=panclust_settings,
        seed=config["seed"],
        code=code_digest("find_panclusters"),
    script:
        "../scripts/find_panclusters.py"
