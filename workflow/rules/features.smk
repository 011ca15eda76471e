"""Score gene sets in cells and select those that distinguish classes and differ from each other.

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/counts.h5ad     of the studies that take part in unicoord
    the GMT files of features.gene_sets; the planted sets, if a study is simulated (with neither it is skipped)
OUTPUTS
    results/{collection}/features/features.tsv      term, library, n_genes, detection, stratum, best_class, units,
                                                    auroc, auroc_null, auroc_lowest, class_pvalue, class_fdr,
                                                    entropy, entropy_null, entropy_sd, entropy_pvalue,
                                                    entropy_fdr, importance, group, selected
    results/{collection}/features/classes.tsv.gz    term, class, n_cells, units, auroc, auroc_null, auroc_lowest,
                                                    pvalue, fdr
    results/{collection}/features/statistics.tsv    statistic, value, null
    results/{collection}/features/correlation.tsv   term, then its correlation with every grouped term
    results/{collection}/features/scores.h5ad       cells study:barcode x selected terms
    results/{collection}/features/scores.tsv.gz     cell, study, selected terms: a table for unicoord.tables
    results/{collection}/features/figures/
"""

from panscape.config import figures

FEATURE_FIGURES = {
    "choice": "Gene sets that tell classes apart",
    "correlation": "Correlation of the most important gene sets",
    "profiles": "Chosen features by class",
}
PLANTED_SETS = "resources/{collection}/simulated/truth/gene_sets.gmt"
FEATURE_LIBRARIES = config["features"]["gene_sets"] or (
    [{"name": None, "path": PLANTED_SETS}] if figures.simulated(config) else []
)
FEATURE_SETS = [library["path"] for library in FEATURE_LIBRARIES]


rule simulate_gene_sets:
    """Write the planted modules and markers of the simulation as gene sets, with random sets."""
    output:
        gene_sets=PLANTED_SETS,
    log:
        "logs/{collection}/features/simulate_gene_sets.log",
    benchmark:
        "benchmarks/{collection}/features/simulate_gene_sets.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("simulate_gene_sets", "mem_mb"),
        runtime=needs("simulate_gene_sets", "runtime"),
    params:
        settings=config["simulation"],
        seed=config["seed"],
        code=code_digest("simulate_gene_sets"),
    script:
        "../scripts/simulate_gene_sets.py"


rule choose_features:
    """Select gene sets on a sample of the cells: AUROC per class, random forest, correlation."""
    input:
        counts=of_studies(
            "results/{collection}/preprocess/{study}/counts.h5ad", use="unicoord"
        ),
        gene_sets=FEATURE_SETS,
    output:
        features="results/{collection}/features/features.tsv",
        classes="results/{collection}/features/classes.tsv.gz",
        statistics="results/{collection}/features/statistics.tsv",
        correlation="results/{collection}/features/correlation.tsv",
    log:
        "logs/{collection}/features/choose_features.log",
    benchmark:
        "benchmarks/{collection}/features/choose_features.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("choose_features", "mem_mb", use="unicoord"),
        runtime=needs("choose_features", "runtime", use="unicoord"),
    params:
        studies=studies_for("unicoord"),
        settings=config["features"],
        libraries=[library["name"] for library in FEATURE_LIBRARIES],
        seed=config["seed"],
        code=code_digest("choose_features"),
    script:
        "../scripts/choose_features.py"


rule score_features:
    """Score the selected gene sets in every cell."""
    input:
        counts=of_studies(
            "results/{collection}/preprocess/{study}/counts.h5ad", use="unicoord"
        ),
        gene_sets=FEATURE_SETS,
        features="results/{collection}/features/features.tsv",
    output:
        scores="results/{collection}/features/scores.h5ad",
        table="results/{collection}/features/scores.tsv.gz",
    log:
        "logs/{collection}/features/score_features.log",
    benchmark:
        "benchmarks/{collection}/features/score_features.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("score_features", "mem_mb", use="unicoord"),
        runtime=needs("score_features", "runtime", use="unicoord"),
    params:
        studies=studies_for("unicoord"),
        settings=config["features"],
        libraries=[library["name"] for library in FEATURE_LIBRARIES],
        code=code_digest("score_features"),
    script:
        "../scripts/score_features.py"


rule plot_features:
    """Draw the selection of gene sets and their scores by class."""
    input:
        features="results/{collection}/features/features.tsv",
        correlation="results/{collection}/features/correlation.tsv",
        scores="results/{collection}/features/scores.h5ad",
    output:
        png=[
            report(
                f"results/{{collection}}/features/figures/{name}.png",
                caption=f"../report/features_{name}.rst",
                category="8 Features",
                labels={"figure": title},
            )
            for name, title in FEATURE_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/features/figures/{name}.{kind}",
            name=FEATURE_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/features/plot_features.log",
    benchmark:
        "benchmarks/{collection}/features/plot_features.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_features", "mem_mb"),
        runtime=needs("plot_features", "runtime"),
    params:
        settings=config["features"],
        formats=figures.formats(config),
        code=code_digest("plot_features"),
    script:
        "../scripts/plot_features.py"


# inputs of the target and the report; none without gene sets
FEATURE_RESULTS = (
    [
        *rules.choose_features.output,
        *rules.score_features.output,
        *rules.plot_features.output,
    ]
    if FEATURE_SETS
    else []
)
