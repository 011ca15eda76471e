"""Project studies onto the dictionary and the landscape of a finished collection (the reference).

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/            counts.h5ad, genes.tsv of the studies to project
    the folder of project.reference, read only: its dictionary, landscape, genes, panclusters and coexpression,
    with landscape.distance: corrected also its signal_pairs.tsv, scores.npz and members.npz
OUTPUTS
    results/{collection}/project/{study}/genes.tsv      gene, selected: the reference's genes, and whether measured
    results/{collection}/project/{study}/               clusters.tsv, members.npz, matrices.npz, pairs.tsv,
                                                        expression.h5ad, chance.tsv, scores.npz (corrected distance
                                                        of the reference), with the reference's settings
    results/{collection}/project/projected.tsv          cluster, study, similarity, nearest, x, y, age, age_low ...
    results/{collection}/project/{study}/preservation.tsv  entry, kind, n_genes, density ..., zsummary, pvalue, fdr
    results/{collection}/project/figures/
"""

from panscape.config import figures
from panscape.coscape import reference

# earlier dictionaries do not have it
NEW_MIN_EXPECTED = (of_reference("coexpression") or {}).get(
    "min_expected", config["landscape"]["min_expected"]
)
# references of earlier versions have no programmes
PROGRAM_TABLES = reference.programs(REFERENCE)
PROJECTION_FIGURES = {"map": "Place on the map", "values": "Predicted age"}


rule match_genes:
    """List which of the reference's genes a study measures."""
    input:
        reference=in_reference(reference.GENES),
        genes="results/{collection}/preprocess/{study}/genes.tsv",
    output:
        genes="results/{collection}/project/{study}/genes.tsv",
    log:
        "logs/{collection}/project/{study}/match_genes.log",
    benchmark:
        "benchmarks/{collection}/project/{study}/match_genes.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("match_genes", "mem_mb"),
        runtime=needs("match_genes", "runtime"),
    params:
        code=code_digest("match_genes"),
    script:
        "../scripts/match_genes.py"


use rule find_panclusters as find_new_panclusters with:
    input:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/project/{study}/genes.tsv",
    output:
        clusters="results/{collection}/project/{study}/clusters.tsv",
        members="results/{collection}/project/{study}/members.npz",
    log:
        "logs/{collection}/project/{study}/find_new_panclusters.log",
    benchmark:
        "benchmarks/{collection}/project/{study}/find_new_panclusters.tsv"
    params:
        settings=of_reference("panclust"),
        seed=config["seed"],
        code=code_digest("find_panclusters"),


use rule correlate_genes as correlate_new_genes with:
    input:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/project/{study}/genes.tsv",
        clusters="results/{collection}/project/{study}/clusters.tsv",
        members="results/{collection}/project/{study}/members.npz",
    output:
        matrices="results/{collection}/project/{study}/matrices.npz",
        pairs="results/{collection}/project/{study}/pairs.tsv",
        expression="results/{collection}/project/{study}/expression.h5ad",
        chance="results/{collection}/project/{study}/chance.tsv",
        signal=[],
    log:
        "logs/{collection}/project/{study}/correlate_new_genes.log",
    benchmark:
        "benchmarks/{collection}/project/{study}/correlate_new_genes.tsv"
    params:
        settings=of_reference("coexpression"),
        normalisation=of_reference("normalisation"),
        min_expected=NEW_MIN_EXPECTED,
        seed=config["seed"],
        code=code_digest("correlate_genes"),


use rule score_pairs as score_new_pairs with:
    input:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/project/{study}/genes.tsv",
        members="results/{collection}/project/{study}/members.npz",
        pairs=in_reference(reference.SIGNAL_PAIRS),
    output:
        scores="results/{collection}/project/{study}/scores.npz",
    log:
        "logs/{collection}/project/{study}/score_new_pairs.log",
    benchmark:
        "benchmarks/{collection}/project/{study}/score_new_pairs.tsv"
    params:
        estimator=(of_reference("coexpression") or {}).get("estimator"),
        normalisation=of_reference("normalisation"),
        min_expected=NEW_MIN_EXPECTED,
        code=code_digest("score_pairs"),


rule project_panclusters:
    """Predict the position, pseudotime and age of new panclusters from those of the reference."""
    input:
        counts=of_studies(
            "results/{collection}/preprocess/{study}/counts.h5ad", use="project"
        ),
        clusters=of_studies(
            "results/{collection}/project/{study}/clusters.tsv", use="project"
        ),
        members=of_studies(
            "results/{collection}/project/{study}/members.npz", use="project"
        ),
        matrices=of_studies(
            "results/{collection}/project/{study}/matrices.npz", use="project"
        ),
        pairs=of_studies(
            "results/{collection}/project/{study}/pairs.tsv", use="project"
        ),
        expression=of_studies(
            "results/{collection}/project/{study}/expression.h5ad", use="project"
        ),
        scores=branch(
            REFERENCE and reference.corrected(REFERENCE),
            then=of_studies(
                "results/{collection}/project/{study}/scores.npz", use="project"
            ),
            otherwise=[],
        ),
        reference=reference.files(REFERENCE),
    output:
        projected="results/{collection}/project/projected.tsv",
    log:
        "logs/{collection}/project/project_panclusters.log",
    benchmark:
        "benchmarks/{collection}/project/project_panclusters.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("project_panclusters", "mem_mb", use="project"),
        runtime=needs("project_panclusters", "runtime", use="project"),
    params:
        reference=REFERENCE,
        studies=studies_for("project"),
        coverage=config["project"]["coverage"],
        code=code_digest("project_panclusters"),
    script:
        "../scripts/project_panclusters.py"


rule check_preservation:
    """Test whether the reference's entries are groups of genes in the cells of a study."""
    input:
        **PROGRAM_TABLES,
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        members="results/{collection}/project/{study}/members.npz",
    output:
        preservation="results/{collection}/project/{study}/preservation.tsv",
    log:
        "logs/{collection}/project/{study}/check_preservation.log",
    benchmark:
        "benchmarks/{collection}/project/{study}/check_preservation.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("check_preservation", "mem_mb"),
        runtime=needs("check_preservation", "runtime"),
    params:
        seed=config["seed"],
        code=code_digest("check_preservation"),
    script:
        "../scripts/check_preservation.py"


rule plot_projection:
    """Draw the new panclusters on the reference's map, and their predicted ages."""
    input:
        projected="results/{collection}/project/projected.tsv",
        landscape=in_reference(reference.LANDSCAPE),
    output:
        png=[
            report(
                f"results/{{collection}}/project/figures/{name}.png",
                caption=f"../report/project_{name}.rst",
                category="3 Dictionary",
                subcategory="Projection",
                labels={"figure": title},
            )
            for name, title in PROJECTION_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/project/figures/{name}.{kind}",
            name=PROJECTION_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/project/plot_projection.log",
    benchmark:
        "benchmarks/{collection}/project/plot_projection.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_projection", "mem_mb"),
        runtime=needs("plot_projection", "runtime"),
    params:
        units={"age": of_reference("age_unit")},
        formats=figures.formats(config),
        code=code_digest("plot_projection"),
    script:
        "../scripts/plot_projection.py"


# inputs of the target and the report
PROJECT_RESULTS = [
    *rules.project_panclusters.output,
    *rules.plot_projection.output,
    *branch(
        bool(PROGRAM_TABLES),
        then=of_studies(
            "results/{collection}/project/{study}/preservation.tsv", use="project"
        ),
        otherwise=[],
    ),
]
