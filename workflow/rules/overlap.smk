"""Compare the dictionary's networks, and baselines without panclustering, with known gene-gene networks.

REQUIRED INPUTS
    results/{collection}/dictionary/dictionary.h5ad         the dictionary
    results/{collection}/landscape/landscape.h5ad, panclust/{study}/, coexpression/{study}/
    results/{collection}/preprocess/{study}/counts.h5ad     cells, for one correlation matrix of all of them
    the edge lists of overlap.networks (without any the stage is skipped)
OUTPUTS
    results/{collection}/overlap/targets.tsv.gz         target, gene_a, gene_b, weight, curve_only
    results/{collection}/overlap/zscores.tsv            network, target, observed, null_mean, null_sd, z, pvalue ...
    results/{collection}/overlap/curves.tsv             network, target, edges, observed, z ...: by number of edges
    results/{collection}/overlap/verdicts.tsv           network, target, verdict, edges, best_baseline, difference ...
    results/{collection}/overlap/supported_edges.tsv    gene_a, gene_b, weight, n_networks, networks, only_here ...
    results/{collection}/overlap/figures/
"""

from panscape.config import figures

OVERLAP_FIGURES = {
    "zscores": "Overlap with known networks",
    "curves": "Overlap by number of edges",
    "supported-edges": "Supported edges that only panclustering finds",
}


rule build_targets:
    """Build the target graphs: union of the entries, mean correlation, single resolutions and all cells."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        landscape="results/{collection}/landscape/landscape.h5ad",
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        pairs=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
        counts=of_studies("results/{collection}/preprocess/{study}/counts.h5ad"),
    output:
        targets="results/{collection}/overlap/targets.tsv.gz",
    log:
        "logs/{collection}/overlap/build_targets.log",
    benchmark:
        "benchmarks/{collection}/overlap/build_targets.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("build_targets", "mem_mb"),
        runtime=needs("build_targets", "runtime"),
    params:
        settings=config["dictionary"],
        studies=STUDIES,
        overlap=config["overlap"],
        normalisation=config["preprocess"]["normalisation"],
        seed=config["seed"],
        code=code_digest("build_targets"),
    script:
        "../scripts/build_targets.py"


rule score_overlap:
    """Score the overlap of every target with every known network, with rewired graphs as the null."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        targets="results/{collection}/overlap/targets.tsv.gz",
        networks=[network["path"] for network in config["overlap"]["networks"]],
    output:
        zscores="results/{collection}/overlap/zscores.tsv",
        edges="results/{collection}/overlap/supported_edges.tsv",
        curves="results/{collection}/overlap/curves.tsv",
        verdicts="results/{collection}/overlap/verdicts.tsv",
    log:
        "logs/{collection}/overlap/score_overlap.log",
    benchmark:
        "benchmarks/{collection}/overlap/score_overlap.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("score_overlap", "mem_mb"),
        runtime=needs("score_overlap", "runtime"),
    params:
        settings=config["overlap"],
        seed=config["seed"],
        code=code_digest("score_overlap"),
    script:
        "../scripts/score_overlap.py"


rule plot_overlap:
    """Draw the z-scores of all targets, and the supported edges found only by panclustering."""
    input:
        zscores="results/{collection}/overlap/zscores.tsv",
        edges="results/{collection}/overlap/supported_edges.tsv",
        curves="results/{collection}/overlap/curves.tsv",
    output:
        png=[
            report(
                f"results/{{collection}}/overlap/figures/{name}.png",
                caption=f"../report/overlap_{name.replace('-', '_')}.rst",
                category="4 Overlap",
                labels={"figure": title},
            )
            for name, title in OVERLAP_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/overlap/figures/{name}.{kind}",
            name=OVERLAP_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/overlap/plot_overlap.log",
    benchmark:
        "benchmarks/{collection}/overlap/plot_overlap.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_overlap", "mem_mb"),
        runtime=needs("plot_overlap", "runtime"),
    params:
        settings=config["overlap"],
        formats=figures.formats(config),
        code=code_digest("plot_overlap"),
    script:
        "../scripts/plot_overlap.py"


# inputs of the target and the report; none without a known network
OVERLAP_RESULTS = (
    [*rules.score_overlap.output, *rules.plot_overlap.output]
    if config["overlap"]["networks"]
    else []
)
