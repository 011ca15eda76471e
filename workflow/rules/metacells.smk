"""Group the cells of multi-omic samples into metacells, evaluate and sum them, and link peaks to genes.

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/counts.h5ad     genes of the cells after quality control
    the files with peaks of the studies whose `use` names metacells
OUTPUTS (sample: such a study, or `pooled`)
    results/{collection}/metacells/{sample}/multiome.h5mu    the cells with both modalities, raw counts
    results/{collection}/metacells/{sample}/embedding.h5ad   the learned embedding, if embedding or compare has coem
    results/{collection}/metacells/{sample}/assignments.tsv  cell, metacell, soft assignment, second-best metacell
    results/{collection}/metacells/{sample}/methods.tsv.gz   cell, metacell by each method and in the size sweep
    results/{collection}/metacells/{sample}/ladder.tsv       k, stability, dubious, zeros, score, recommended
    results/{collection}/metacells/{sample}/views.h5ad       linear embeddings of the cells
    results/{collection}/metacells/{sample}/metacells.h5mu   sums of the cells and annotations; soft assignments
    results/{collection}/metacells/{sample}/metacells.tsv    metacell, n_cells, labels, heterogeneity_rna, dubious ...
    results/{collection}/metacells/{sample}/metrics.tsv      method, metric, modality, value, conditioned_on
    results/{collection}/metacells/{sample}/links.tsv.gz     gene, peak, distance, rho, r, pvalue, fdr ...
    results/{collection}/metacells/{sample}/best_links.tsv   the best peak of each gene, with its own fdr
    results/{collection}/metacells/{sample}/evidence.tsv     validation of the links and nulls, by method
    results/{collection}/metacells/{sample}/gene_scores.h5ad metacells x genes, from linked peaks
    results/{collection}/metacells/{sample}/figures/
"""

from panscape.config import figures

METACELL_FIGURES = {
    "map": "Cells and metacells",
    "methods": "Methods side by side",
    "ladder": "Number of metacells",
    "heterogeneity": "Heterogeneity and size",
    "links": "Links and their nulls",
    "track": "Links of one gene",
}
LEARNED = "coem" in (
    config["metacells"]["embedding"],
    *config["metacells"]["compare"],
)


rule read_multiome:
    """Read the genes and peaks of a sample and keep the cells that have both."""
    input:
        counts=sample_counts,
        files=sample_files,
    output:
        sample="results/{collection}/metacells/{sample}/multiome.h5mu",
    log:
        "logs/{collection}/metacells/{sample}/read_multiome.log",
    benchmark:
        "benchmarks/{collection}/metacells/{sample}/read_multiome.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("read_multiome", "mem_mb"),
        runtime=needs("read_multiome", "runtime"),
    params:
        studies=sample_settings,
        species=config["species"],
        code=code_digest("read_multiome"),
    script:
        "../scripts/read_multiome.py"


rule embed_cells:
    """Learn the joint embedding of a sample's cells; a killed job resumes from its checkpoint."""
    input:
        sample="results/{collection}/metacells/{sample}/multiome.h5mu",
    output:
        embedding="results/{collection}/metacells/{sample}/embedding.h5ad",
    log:
        "logs/{collection}/metacells/{sample}/embed_cells.log",
    benchmark:
        "benchmarks/{collection}/metacells/{sample}/embed_cells.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=needs("embed_cells", "mem_mb"),
        runtime=needs("embed_cells", "runtime"),
    params:
        settings=config["coem"],
        seed=config["seed"],
        checkpoint="results/{collection}/metacells/.checkpoints/{sample}",
        code=code_digest("embed_cells"),
    script:
        "../scripts/embed_cells.py"


rule group_cells:
    """Group a sample's cells into metacells by all methods, and in a size sweep."""
    input:
        sample="results/{collection}/metacells/{sample}/multiome.h5mu",
        embedding=branch(
            LEARNED,
            then="results/{collection}/metacells/{sample}/embedding.h5ad",
            otherwise=[],
        ),
    output:
        methods="results/{collection}/metacells/{sample}/methods.tsv.gz",
        ladder="results/{collection}/metacells/{sample}/ladder.tsv",
        views="results/{collection}/metacells/{sample}/views.h5ad",
    log:
        "logs/{collection}/metacells/{sample}/group_cells.log",
    benchmark:
        "benchmarks/{collection}/metacells/{sample}/group_cells.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("group_cells", "mem_mb"),
        runtime=needs("group_cells", "runtime"),
    params:
        settings=config["metacells"],
        seed=config["seed"],
        code=code_digest("group_cells"),
    script:
        "../scripts/group_cells.py"


rule sum_metacells:
    """Sum the cells of each metacell, describe metacells and compare them with other methods."""
    input:
        sample="results/{collection}/metacells/{sample}/multiome.h5mu",
        methods="results/{collection}/metacells/{sample}/methods.tsv.gz",
        ladder="results/{collection}/metacells/{sample}/ladder.tsv",
        views="results/{collection}/metacells/{sample}/views.h5ad",
        genes=branch(
            config["metacells"]["genes"],
            then=config["metacells"]["genes"] or [],
            otherwise=[],
        ),
    output:
        metacells="results/{collection}/metacells/{sample}/metacells.h5mu",
        assignments="results/{collection}/metacells/{sample}/assignments.tsv",
        table="results/{collection}/metacells/{sample}/metacells.tsv",
        metrics="results/{collection}/metacells/{sample}/metrics.tsv",
    log:
        "logs/{collection}/metacells/{sample}/sum_metacells.log",
    benchmark:
        "benchmarks/{collection}/metacells/{sample}/sum_metacells.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("sum_metacells", "mem_mb"),
        runtime=needs("sum_metacells", "runtime"),
    params:
        settings=config["metacells"],
        seed=config["seed"],
        code=code_digest("sum_metacells"),
    script:
        "../scripts/sum_metacells.py"


rule link_peaks:
    """Link peaks to genes over a sample's metacells, and compare the links with their nulls."""
    input:
        sample="results/{collection}/metacells/{sample}/multiome.h5mu",
        methods="results/{collection}/metacells/{sample}/methods.tsv.gz",
        ladder="results/{collection}/metacells/{sample}/ladder.tsv",
        views="results/{collection}/metacells/{sample}/views.h5ad",
        genes=branch(
            config["metacells"]["genes"],
            then=config["metacells"]["genes"] or [],
            otherwise=[],
        ),
        truth=sample_truth,
    output:
        links="results/{collection}/metacells/{sample}/links.tsv.gz",
        best="results/{collection}/metacells/{sample}/best_links.tsv",
        evidence="results/{collection}/metacells/{sample}/evidence.tsv",
        scores="results/{collection}/metacells/{sample}/gene_scores.h5ad",
    log:
        "logs/{collection}/metacells/{sample}/link_peaks.log",
    benchmark:
        "benchmarks/{collection}/metacells/{sample}/link_peaks.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("link_peaks", "mem_mb"),
        runtime=needs("link_peaks", "runtime"),
    params:
        settings=config["metacells"],
        seed=config["seed"],
        code=code_digest("link_peaks"),
    script:
        "../scripts/link_peaks.py"


rule plot_metacells:
    """Draw the map of metacells, comparison of methods, size sweep, homogeneity, links and one gene's track."""
    input:
        metacells="results/{collection}/metacells/{sample}/metacells.h5mu",
        table="results/{collection}/metacells/{sample}/metacells.tsv",
        assignments="results/{collection}/metacells/{sample}/assignments.tsv",
        metrics="results/{collection}/metacells/{sample}/metrics.tsv",
        ladder="results/{collection}/metacells/{sample}/ladder.tsv",
        links="results/{collection}/metacells/{sample}/links.tsv.gz",
        evidence="results/{collection}/metacells/{sample}/evidence.tsv",
    output:
        png=[
            report(
                f"results/{{collection}}/metacells/{{sample}}/figures/{name}.png",
                caption=f"../report/metacells_{name}.rst",
                category="7 Metacells",
                labels={"sample": "{sample}", "figure": title},
            )
            for name, title in METACELL_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/metacells/{{sample}}/figures/{name}.{kind}",
            name=METACELL_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/metacells/{sample}/plot_metacells.log",
    benchmark:
        "benchmarks/{collection}/metacells/{sample}/plot_metacells.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_metacells", "mem_mb"),
        runtime=needs("plot_metacells", "runtime"),
    params:
        settings=config["metacells"],
        formats=figures.formats(config),
        code=code_digest("plot_metacells"),
    script:
        "../scripts/plot_metacells.py"


# inputs of the target and the report
METACELL_RESULTS = [
    *rules.read_multiome.output,
    *rules.group_cells.output,
    *rules.sum_metacells.output,
    *rules.link_peaks.output,
    *rules.plot_metacells.output,
]
