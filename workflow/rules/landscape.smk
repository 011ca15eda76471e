"""Arrange the panclusters of all studies by their coexpression.

REQUIRED INPUTS
    results/{collection}/preprocess/genes.tsv               genes: `selected`, and which study measures them
    results/{collection}/preprocess/{study}/counts.h5ad     counts, and cells with their age and labels
    results/{collection}/panclust/{study}/                  clusters.tsv, members.npz
    results/{collection}/coexpression/{study}/              matrices.npz, pairs.tsv, expression.h5ad
    results/{collection}/coexpression/                      signal_pairs.tsv, {study}/scores.npz, with the
                                                            corrected distance
OUTPUTS
    results/{collection}/landscape/root.tsv         the root, only if the configuration names a cluster
    results/{collection}/landscape/landscape.h5ad   panclusters: annotations, graph, coordinates, pseudotime
    results/{collection}/landscape/pseudotime.tsv   cluster, study, pseudotime, its interval, placement, age ...
    results/{collection}/landscape/genes.tsv        gene, rho, pvalue, fdr: expression along pseudotime
    results/{collection}/landscape/pairs.tsv        gene_a, gene_b, rho, pvalue, fdr: coexpression along it
    results/{collection}/landscape/statistics.tsv   space, statistic, value, low, high, pvalue, n ...
    results/{collection}/landscape/sensitivity.tsv  the order and its statistics with other choices
                                                    (on demand)
"""

from panscape.config.root import root_studies
from panscape.coscape.landscape.settings import LandscapeSettings

ROOT_STUDIES = root_studies(config)
CHOSEN = of_collection("results/{collection}/coexpression/signal_pairs.tsv")
SCORES = of_studies("results/{collection}/coexpression/{study}/scores.npz")
WITHOUT_DRAWS = {
    key: value
    for key, value in config["landscape"].items()
    if key != "pseudotime_draws"
}
DRAWN = LandscapeSettings.of(config["landscape"]).n_draws > 0


rule find_root:
    """Look up the configured root cluster as soon as its study is clustered."""
    input:
        clusters=expand(
            "results/{collection}/panclust/{study}/clusters.tsv",
            collection=COLLECTION,
            study=ROOT_STUDIES,
        ),
    output:
        root="results/{collection}/landscape/root.tsv",
    log:
        "logs/{collection}/landscape/find_root.log",
    benchmark:
        "benchmarks/{collection}/landscape/find_root.tsv"
    # before the expensive rules, so that a wrong name stops the run early
    priority: 10
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("find_root", "mem_mb"),
        runtime=needs("find_root", "runtime"),
    params:
        root=config["landscape"]["root"],
        code=code_digest("find_root"),
    script:
        "../scripts/find_root.py"


rule build_landscape:
    """Build the landscape of all studies: graph, layout, pseudotime, and statistics with nulls."""
    input:
        root=branch(
            ROOT_STUDIES,
            then="results/{collection}/landscape/root.tsv",
            otherwise=[],
        ),
        counts=of_studies("results/{collection}/preprocess/{study}/counts.h5ad"),
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        members=of_studies("results/{collection}/panclust/{study}/members.npz"),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        pairs=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
        expression=of_studies(
            "results/{collection}/coexpression/{study}/expression.h5ad"
        ),
        scores=branch(CORRECTED, then=SCORES, otherwise=[]),
        chosen=branch(CORRECTED, then=CHOSEN, otherwise=[]),
    output:
        landscape="results/{collection}/landscape/landscape.h5ad",
        genes="results/{collection}/landscape/genes.tsv",
        pairs="results/{collection}/landscape/pairs.tsv",
        statistics="results/{collection}/landscape/statistics.tsv",
    log:
        "logs/{collection}/landscape/build_landscape.log",
    benchmark:
        "benchmarks/{collection}/landscape/build_landscape.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("build_landscape", "mem_mb"),
        runtime=needs("build_landscape", "runtime"),
    params:
        studies=STUDIES,
        settings=WITHOUT_DRAWS,
        seed=config["seed"],
        code=code_digest("build_landscape"),
    script:
        "../scripts/build_landscape.py"


rule place_clusters:
    """List the clusters by pseudotime, with intervals from draws of cells and samples."""
    input:
        landscape="results/{collection}/landscape/landscape.h5ad",
        genes=branch(
            DRAWN, then="results/{collection}/preprocess/genes.tsv", otherwise=[]
        ),
        counts=branch(
            DRAWN,
            then=of_studies("results/{collection}/preprocess/{study}/counts.h5ad"),
            otherwise=[],
        ),
        members=branch(
            DRAWN,
            then=of_studies("results/{collection}/panclust/{study}/members.npz"),
            otherwise=[],
        ),
        chosen=branch(DRAWN, then=CHOSEN, otherwise=[]),
    output:
        pseudotime="results/{collection}/landscape/pseudotime.tsv",
    log:
        "logs/{collection}/landscape/place_clusters.log",
    benchmark:
        "benchmarks/{collection}/landscape/place_clusters.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("place_clusters", "mem_mb"),
        runtime=needs("place_clusters", "runtime"),
    params:
        studies=STUDIES,
        settings=config["landscape"],
        estimator=config["coexpression"]["estimator"],
        normalisation=config["preprocess"]["normalisation"],
        seed=config["seed"],
        code=code_digest("place_clusters"),
    script:
        "../scripts/place_clusters.py"


rule vary_landscape:
    """Rebuild the landscape with other choices: thresholds, neighbours, genes, weights (sensitivity)."""
    input:
        genes="results/{collection}/preprocess/genes.tsv",
        counts=of_studies("results/{collection}/preprocess/{study}/counts.h5ad"),
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        members=of_studies("results/{collection}/panclust/{study}/members.npz"),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        pairs=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
        expression=of_studies(
            "results/{collection}/coexpression/{study}/expression.h5ad"
        ),
        scores=branch(CORRECTED, then=SCORES, otherwise=[]),
        chosen=branch(CORRECTED, then=CHOSEN, otherwise=[]),
    output:
        table="results/{collection}/landscape/sensitivity.tsv",
        figure=report(
            "results/{collection}/landscape/sensitivity.svg",
            caption="../report/sensitivity.rst",
            category="2 Landscape",
            subcategory="Sensitivity",
            labels={"figure": "Sensitivity to other choices"},
        ),
    log:
        "logs/{collection}/landscape/vary_landscape.log",
    benchmark:
        "benchmarks/{collection}/landscape/vary_landscape.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("vary_landscape", "mem_mb"),
        runtime=needs("vary_landscape", "runtime"),
    params:
        studies=STUDIES,
        settings=WITHOUT_DRAWS,
        estimator=config["coexpression"]["estimator"],
        normalisation=config["preprocess"]["normalisation"],
        seed=config["seed"],
        code=code_digest("vary_landscape"),
    script:
        "../scripts/vary_landscape.py"
