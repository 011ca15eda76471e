"""Read the dictionary's entries as programmes of genes: scores in every cell, places of genes, use by labels.

REQUIRED INPUTS
    results/{collection}/dictionary/dictionary.h5ad         the dictionary
    results/{collection}/preprocess/{study}/counts.h5ad     cells
    results/{collection}/panclust/{study}/                  clusters.tsv, members.npz
OUTPUTS
    results/{collection}/programs/{study}/scores.h5ad     cells x entries: X, layers within, between, rank
    results/{collection}/programs/{study}/membership.h5ad genes x entries: sums for the correlations
    results/{collection}/programs/genes.tsv               gene, entry, programme, kme, map_1 ...
    results/{collection}/programs/membership.tsv.gz       entry, gene, kme, kme_within, kme_total, pvalue ...
    results/{collection}/programs/programs.tsv            entry, kind, n_placed, programme, arm, name ...
    results/{collection}/programs/means.tsv       entry, column, value, score, n_cells
    results/{collection}/programs/samples.tsv            study, sample, n_cells, entry, level, activity, connectivity
    results/{collection}/programs/changes.tsv            column, measure, entry, n_samples, rho, pvalue, fdr ...
    results/{collection}/programs/figures/
"""

from panscape.config import figures

PROGRAM_FIGURES = {
    "scores": "Scores by label",
    "gene-map": "Map of genes by entry",
    **(
        {
            "changes": "Entries that differ between samples",
            "traits": "Entries by traits of samples",
            "volcano": "Effect and p of every entry",
        }
        if config["dictionary"]["compare"]
        else {}
    ),
}


rule score_programs:
    """Score the entries in every cell of a study, and sum the products of genes and scores."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        clusters="results/{collection}/panclust/{study}/clusters.tsv",
        members="results/{collection}/panclust/{study}/members.npz",
    output:
        scores="results/{collection}/programs/{study}/scores.h5ad",
        membership="results/{collection}/programs/{study}/membership.h5ad",
    log:
        "logs/{collection}/programs/{study}/score_programs.log",
    benchmark:
        "benchmarks/{collection}/programs/{study}/score_programs.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("score_programs", "mem_mb"),
        runtime=needs("score_programs", "runtime"),
    params:
        sample=config["dictionary"]["sample"],
        code=code_digest("score_programs"),
    script:
        "../scripts/score_programs.py"


rule describe_programs:
    """Place genes in entries and on a map, name the entries, and average their scores by label."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        scores=of_studies("results/{collection}/programs/{study}/scores.h5ad"),
        membership=of_studies("results/{collection}/programs/{study}/membership.h5ad"),
        gene_sets=[library["path"] for library in config["dictionary"]["gene_sets"]],
    output:
        genes="results/{collection}/programs/genes.tsv",
        membership="results/{collection}/programs/membership.tsv.gz",
        programs="results/{collection}/programs/programs.tsv",
        means="results/{collection}/programs/means.tsv",
    log:
        "logs/{collection}/programs/describe_programs.log",
    benchmark:
        "benchmarks/{collection}/programs/describe_programs.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("describe_programs", "mem_mb"),
        runtime=needs("describe_programs", "runtime"),
    params:
        settings=config["dictionary"],
        columns=figures.columns(config),
        code=code_digest("describe_programs"),
    script:
        "../scripts/describe_programs.py"


rule compare_programs:
    """Test whether levels, activity and connectivity of the entries differ between samples."""
    input:
        scores=of_studies("results/{collection}/programs/{study}/scores.h5ad"),
    output:
        samples="results/{collection}/programs/samples.tsv",
        changes="results/{collection}/programs/changes.tsv",
    log:
        "logs/{collection}/programs/compare_programs.log",
    benchmark:
        "benchmarks/{collection}/programs/compare_programs.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("compare_programs", "mem_mb"),
        runtime=needs("compare_programs", "runtime"),
    params:
        settings=config["dictionary"],
        studies=studies_for("landscape"),
        seed=config["seed"],
        code=code_digest("compare_programs"),
    script:
        "../scripts/compare_programs.py"


rule plot_programs:
    """Draw the scores of the entries by label, the map of their genes, and what differs between samples."""
    input:
        programs="results/{collection}/programs/programs.tsv",
        genes="results/{collection}/programs/genes.tsv",
        means="results/{collection}/programs/means.tsv",
        changes=branch(
            config["dictionary"]["compare"],
            then="results/{collection}/programs/changes.tsv",
            otherwise=[],
        ),
    output:
        png=[
            report(
                f"results/{{collection}}/programs/figures/{name}.png",
                caption=f"../report/programs_{name.replace('-', '_')}.rst",
                category="3 Dictionary",
                subcategory="Programmes",
                labels={"figure": title},
            )
            for name, title in PROGRAM_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/programs/figures/{name}.{kind}",
            name=PROGRAM_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/programs/plot_programs.log",
    benchmark:
        "benchmarks/{collection}/programs/plot_programs.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_programs", "mem_mb"),
        runtime=needs("plot_programs", "runtime"),
    params:
        units=figures.units(config),
        formats=figures.formats(config),
        code=code_digest("plot_programs"),
    script:
        "../scripts/plot_programs.py"


# inputs of the target and the report
PROGRAM_RESULTS = [
    *of_studies("results/{collection}/programs/{study}/scores.h5ad"),
    *rules.describe_programs.output,
    *(rules.compare_programs.output if config["dictionary"]["compare"] else []),
    *rules.plot_programs.output,
]
