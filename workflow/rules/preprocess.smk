"""Filter the cells of each study, and select the genes that are variable wherever they are measured.

REQUIRED INPUTS
    the file of each study, in any supported format (`studies` of the configuration)
OUTPUTS
    results/{collection}/preprocess/{study}/counts.h5ad   raw counts after quality control
    results/{collection}/preprocess/{study}/genes.tsv     moments of each gene's raw counts
    results/{collection}/preprocess/{study}/qc.tsv        number of cells removed by each filter
    results/{collection}/preprocess/{study}/kept.tsv      fraction of cells kept, by annotation
    results/{collection}/preprocess/{study}/understood.tsv   names, known genes, counts, labels and ages as read
    results/{collection}/preprocess/{study}/orthologues.tsv  gene, orthologue, relation, counts: of a study of another species
    results/{collection}/preprocess/{study}/histograms.tsv  measure, low, high, kept, removed: distributions
    results/{collection}/preprocess/{study}/qc.png, .svg  distributions and limits
    results/{collection}/preprocess/qc.tsv, kept.tsv, understood.tsv, orthologues.tsv  all studies
    results/{collection}/preprocess/genes.tsv             ranks in each study, and which genes are analysed
    logs/{collection}/preprocess/{study}/qc.svg, .png     the distributions, if too few cells remain
"""


rule filter_cells:
    """Remove low-quality cells and rarely detected genes of one study."""
    input:
        counts=study_file,
        sheets=study_sheets,
    output:
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        genes="results/{collection}/preprocess/{study}/genes.tsv",
        qc="results/{collection}/preprocess/{study}/qc.tsv",
        kept="results/{collection}/preprocess/{study}/kept.tsv",
        understood="results/{collection}/preprocess/{study}/understood.tsv",
        orthologues="results/{collection}/preprocess/{study}/orthologues.tsv",
        histograms="results/{collection}/preprocess/{study}/histograms.tsv",
    log:
        "logs/{collection}/preprocess/{study}/filter_cells.log",
    benchmark:
        "benchmarks/{collection}/preprocess/{study}/filter_cells.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("filter_cells", "mem_mb"),
        runtime=needs("filter_cells", "runtime"),
    params:
        settings=config["preprocess"],
        study=study_settings,
        species=config["species"],
        age_unit=config["age_unit"],
        units=[config["sivae"]["line"], "batch"],
        code=code_digest("filter_cells"),
    script:
        "../scripts/filter_cells.py"


rule plot_qc:
    """Draw the distributions of the quality measures and the limits."""
    input:
        histograms="results/{collection}/preprocess/{study}/histograms.tsv",
        qc="results/{collection}/preprocess/{study}/qc.tsv",
    output:
        png="results/{collection}/preprocess/{study}/qc.png",
        svg=report(
            "results/{collection}/preprocess/{study}/qc.svg",
            caption="../report/qc.rst",
            category="1 Preprocess",
            subcategory="Quality control",
            labels={"study": "{study}", "figure": "cells kept and removed"},
        ),
    log:
        "logs/{collection}/preprocess/{study}/plot_qc.log",
    benchmark:
        "benchmarks/{collection}/preprocess/{study}/plot_qc.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_qc", "mem_mb"),
        runtime=needs("plot_qc", "runtime"),
    params:
        code=code_digest("plot_qc"),
    script:
        "../scripts/plot_qc.py"


rule collect_qc:
    """Concatenate the quality control tables of all studies."""
    input:
        qc=of_studies("results/{collection}/preprocess/{study}/qc.tsv", use="any"),
        kept=of_studies("results/{collection}/preprocess/{study}/kept.tsv", use="any"),
        understood=of_studies(
            "results/{collection}/preprocess/{study}/understood.tsv", use="any"
        ),
        orthologues=of_studies(
            "results/{collection}/preprocess/{study}/orthologues.tsv", use="any"
        ),
    output:
        qc="results/{collection}/preprocess/qc.tsv",
        kept="results/{collection}/preprocess/kept.tsv",
        understood="results/{collection}/preprocess/understood.tsv",
        orthologues="results/{collection}/preprocess/orthologues.tsv",
    log:
        "logs/{collection}/preprocess/collect_qc.log",
    benchmark:
        "benchmarks/{collection}/preprocess/collect_qc.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("collect_qc", "mem_mb"),
        runtime=needs("collect_qc", "runtime"),
    params:
        species={
            study["id"]: study["species"] or config["species"]
            for study in config["studies"]
        },
        code=code_digest("collect_qc"),
    script:
        "../scripts/collect_qc.py"


rule select_genes:
    """Select the genes that are variable in every study that measures them."""
    input:
        tables=of_studies("results/{collection}/preprocess/{study}/genes.tsv"),
        qc=of_studies("results/{collection}/preprocess/{study}/qc.tsv"),
    output:
        genes="results/{collection}/preprocess/genes.tsv",
    log:
        "logs/{collection}/preprocess/select_genes.log",
    benchmark:
        "benchmarks/{collection}/preprocess/select_genes.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("select_genes", "mem_mb"),
        runtime=needs("select_genes", "runtime"),
    params:
        settings=config["preprocess"],
        studies=STUDIES,
        species=config["species"],
        code=code_digest("select_genes"),
    script:
        "../scripts/select_genes.py"
