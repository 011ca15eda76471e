"""Train models of the cells of every line, and derive gene networks, centralities and embeddings.

REQUIRED INPUTS
    results/{collection}/preprocess/{study}/    counts.h5ad, genes.tsv of the studies whose `use` names sivae
OUTPUTS
    results/{collection}/sivae/lines.tsv        line, name, study, n_cells, n_bins, status ...: all lines
    results/{collection}/sivae/cells.tsv.gz     line, bin, study, cell: assignment of cells to lines and bins
    results/{collection}/sivae/genes.tsv        gene: the genes of all models
    results/{collection}/sivae/jobs/{job}/      results of one job: a folder per line, weights.safetensors
    results/{collection}/sivae/{line}/          (all files have the bins in the same order)
        genes.tsv.gz            bin, model (an engine: sivae, pca, pearson ...), gene, centrality, centrality_heldout, mean, detection
        embedding.h5ad          genes; obsm bin-<bin>, sd-<bin> (loadings, standard deviations), pca-<bin>
        cells.h5ad              cells; obsm sivae, sivae_sd, pca
        graph.npz               CSR (bins x genes) x genes, edges at equal density; graph_pca, graph_pearson ...
        neighbours.tsv.gz       bin, model, gene, rank, neighbour
        models.tsv, training.tsv, attributions.tsv, labels.tsv
    results/{collection}/sivae/models.tsv       line, bin, test_mse, null_mse, pca_mse, collapsed ...
    results/{collection}/sivae/training.tsv     line, bin, step, split, term, value
    results/{collection}/sivae/attributions.tsv line, bin, dimension, active, saliency, deeplift ...
    results/{collection}/sivae/labels.tsv       line, bin, model, accuracy, macro_f1, chance ...
    results/{collection}/sivae/figures/
"""

from panscape.config import figures

SIVAE_FIGURES = {
    "training": "Training of the lines' models",
    "models": "Models beside principal components",
    "embeddings": "Cells and genes side by side",
}
SIVAE_LINE_FILES = [
    "genes.tsv.gz",
    "embedding.h5ad",
    "cells.h5ad",
    "graph.npz",
    "graph_pca.npz",
    "graph_pearson.npz",
    "graph_corrected.npz",
    "graph_proportionality.npz",
    "neighbours.tsv.gz",
    "models.tsv",
    "training.tsv",
    "attributions.tsv",
    "labels.tsv",
]
SIVAE_LINE_PATHS = [
    f"results/{{collection}}/sivae/{{line}}/{name}" for name in SIVAE_LINE_FILES
]
SIVAE_LOGGED = [
    study["id"] for study in config["studies"] if study.get("values") == "log"
]


checkpoint plan_lines:
    """Assign the cells of all lines to bins and jobs."""
    input:
        counts=of_studies(
            "results/{collection}/preprocess/{study}/counts.h5ad", use="sivae"
        ),
        genes=of_studies(
            "results/{collection}/preprocess/{study}/genes.tsv", use="sivae"
        ),
    output:
        lines="results/{collection}/sivae/lines.tsv",
        cells="results/{collection}/sivae/cells.tsv.gz",
        genes="results/{collection}/sivae/genes.tsv",
    log:
        "logs/{collection}/sivae/plan_lines.log",
    benchmark:
        "benchmarks/{collection}/sivae/plan_lines.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plan_lines", "mem_mb", use="sivae"),
        runtime=needs("plan_lines", "runtime", use="sivae"),
    params:
        settings=config["sivae"],
        selection=config["preprocess"],
        studies=studies_for("sivae"),
        columns=sorted({name for study in config["studies"] for name in study["obs"]}),
        logged=SIVAE_LOGGED,
        species=config["species"],
        seed=config["seed"],
        code=code_digest("plan_lines"),
    script:
        "../scripts/plan_lines.py"


rule train_lines:
    """Train the models of several lines in parallel."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        cells="results/{collection}/sivae/cells.tsv.gz",
        genes="results/{collection}/sivae/genes.tsv",
        counts=of_studies(
            "results/{collection}/preprocess/{study}/counts.h5ad", use="sivae"
        ),
    output:
        folder=directory("results/{collection}/sivae/jobs/{job}"),
    log:
        "logs/{collection}/sivae/{job}/train_lines.log",
    benchmark:
        "benchmarks/{collection}/sivae/{job}/train_lines.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: lines_threads
    resources:
        gpu=1,
        mem_mb=needs("train_lines", "mem_mb", use="sivae"),
        runtime=needs("train_lines", "runtime", use="sivae"),
    params:
        settings=config["sivae"],
        studies=studies_for("sivae"),
        normalisation=config["preprocess"]["normalisation"],
        logged=SIVAE_LOGGED,
        seed=config["seed"],
        checkpoint="results/{collection}/sivae/.checkpoints/{job}",
        code=code_digest("train_lines"),
    script:
        "../scripts/train_lines.py"


rule place_line:
    """Copy the files of a line from the results of its job to the folder of the line."""
    input:
        folder=job_of_line,
    output:
        SIVAE_LINE_PATHS,
    log:
        "logs/{collection}/sivae/{line}/place_line.log",
    conda:
        "../../envs/core.yaml"
    threads: 1
    params:
        folder="results/{collection}/sivae/{line}",
    shell:
        "cp -r {input.folder}/{wildcards.line}/. {params.folder}/ 2> {log}"


rule collect_lines:
    """Concatenate the tables of all lines."""
    input:
        models=of_lines("results/{collection}/sivae/{line}/models.tsv"),
        others=of_lines(SIVAE_LINE_PATHS),
    output:
        models="results/{collection}/sivae/models.tsv",
        training="results/{collection}/sivae/training.tsv",
        attributions="results/{collection}/sivae/attributions.tsv",
        labels="results/{collection}/sivae/labels.tsv",
    log:
        "logs/{collection}/sivae/collect_lines.log",
    benchmark:
        "benchmarks/{collection}/sivae/collect_lines.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("collect_lines", "mem_mb", use="sivae"),
        runtime=needs("collect_lines", "runtime", use="sivae"),
    params:
        code=code_digest("collect_lines"),
    script:
        "../scripts/collect_lines.py"


rule plot_lines:
    """Draw training, quality and embeddings of the lines' models."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        models="results/{collection}/sivae/models.tsv",
        training="results/{collection}/sivae/training.tsv",
        embeddings=of_lines("results/{collection}/sivae/{line}/embedding.h5ad"),
    output:
        png=[
            report(
                f"results/{{collection}}/sivae/figures/{name}.png",
                caption=f"../report/sivae_{name}.rst",
                category="5 siVAE",
                labels={"figure": title},
            )
            for name, title in SIVAE_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/sivae/figures/{name}.{kind}",
            name=SIVAE_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/sivae/plot_lines.log",
    benchmark:
        "benchmarks/{collection}/sivae/plot_lines.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_lines", "mem_mb", use="sivae"),
        runtime=needs("plot_lines", "runtime", use="sivae"),
    params:
        settings=config["sivae"],
        formats=figures.formats(config),
        code=code_digest("plot_lines"),
    script:
        "../scripts/plot_lines.py"


# inputs of the target and the report
SIVAE_RESULTS = [
    *rules.plan_lines.output,
    *rules.collect_lines.output,
    *rules.plot_lines.output,
]
