"""Draw the landscape and write the report of the collection.

REQUIRED INPUTS
    tables, landscape and coexpression of earlier stages; the truth, where studies are simulated
OUTPUTS
    results/{collection}/landscape/figures/map-<column>.png, .svg   the landscape coloured by each column
    results/{collection}/landscape/figures/not_drawn.tsv            figure, reason: those without content
    results/{collection}/landscape/figures/<figure>.png, .svg       pseudotime, genes and pairs along it, spaces
    results/{collection}/report.html                                everything, in one file that needs no network
    results/{collection}/methods.md                                 the Methods paragraph, with every parameter
    results/{collection}/report.zip                                 both, and the files that the report links to
"""

from panscape.config import deviations, figures
from panscape.plot.figure_names import caption as figure_caption

LANDSCAPE_FIGURES = figures.landscape(config)
TRAINED = any(config["report"][stage] for stage in ("sivae", "metacells", "unicoord"))


rule plot_landscape:
    """Draw the landscape, pseudotime against age, and the genes and pairs along pseudotime."""
    input:
        landscape="results/{collection}/landscape/landscape.h5ad",
        pseudotime="results/{collection}/landscape/pseudotime.tsv",
        genes="results/{collection}/landscape/genes.tsv",
        pairs="results/{collection}/landscape/pairs.tsv",
        statistics="results/{collection}/landscape/statistics.tsv",
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        expressions=of_studies(
            "results/{collection}/coexpression/{study}/expression.h5ad"
        ),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        columns=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
    output:
        png=[
            report(
                f"results/{{collection}}/landscape/figures/{name}.png",
                caption=f"../report/{figure_caption(name)}",
                category="2 Landscape",
                subcategory="Maps" if name.startswith("map-") else "Along pseudotime",
                labels={"figure": title},
            )
            for name, title in LANDSCAPE_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/landscape/figures/{name}.{kind}",
            name=LANDSCAPE_FIGURES,
            kind=figures.formats(config)[1:],
        ),
        not_drawn="results/{collection}/landscape/figures/not_drawn.tsv",
    log:
        "logs/{collection}/report/plot_landscape.log",
    benchmark:
        "benchmarks/{collection}/report/plot_landscape.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_landscape", "mem_mb"),
        runtime=needs("plot_landscape", "runtime"),
    params:
        columns=figures.columns(config),
        units=figures.units(config),
        formats=figures.formats(config),
        top=config["report"]["top"],
        code=code_digest("plot_landscape"),
    script:
        "../scripts/plot_landscape.py"


rule write_report:
    """Write the report of the collection and the Methods paragraph."""
    input:
        qc="results/{collection}/preprocess/qc.tsv",
        kept="results/{collection}/preprocess/kept.tsv",
        understood="results/{collection}/preprocess/understood.tsv",
        orthologues="results/{collection}/preprocess/orthologues.tsv",
        qc_figures=[
            *of_studies("results/{collection}/preprocess/{study}/qc.png", use="any"),
            *of_studies("results/{collection}/preprocess/{study}/qc.svg", use="any"),
        ],
        genes=if_used("landscape", "results/{collection}/preprocess/genes.tsv"),
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        pairs=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
        chance=of_studies("results/{collection}/coexpression/{study}/chance.tsv"),
        chosen=branch(CORRECTED and STUDIES, then=CHOSEN, otherwise=[]),
        landscape=if_used(
            "landscape",
            expand(
                "results/{{collection}}/landscape/{table}.tsv",
                table=["statistics", "pseudotime", "genes", "pairs"],
            ),
        ),
        figures=if_used("landscape", rules.plot_landscape.output),
        map=if_used("landscape", "results/{collection}/landscape/landscape.h5ad"),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        sensitivity=branch(
            config["report"]["sensitivity"],
            then=[
                "results/{collection}/landscape/sensitivity.tsv",
                "results/{collection}/landscape/sensitivity.svg",
            ],
            otherwise=[],
        ),
        dictionary=branch(
            config["report"]["dictionary"],
            then=[*DICTIONARY_RESULTS, *PROGRAM_RESULTS],
            otherwise=[],
        ),
        project=branch(
            config["report"]["project"],
            then=PROJECT_RESULTS,
            otherwise=[],
        ),
        overlap=branch(
            config["report"]["overlap"],
            then=OVERLAP_RESULTS,
            otherwise=[],
        ),
        features=branch(
            config["report"]["features"],
            then=FEATURE_RESULTS,
            otherwise=[],
        ),
        unicoord=branch(
            config["report"]["unicoord"],
            then=UNICOORD_RESULTS,
            otherwise=[],
        ),
        sivae=branch(
            config["report"]["sivae"],
            then=SIVAE_RESULTS,
            otherwise=[],
        ),
        neighbours=branch(
            config["report"]["sivae"],
            then=of_lines("results/{collection}/sivae/{line}/neighbours.tsv.gz"),
            otherwise=[],
        ),
        kernels=branch(
            config["report"]["networks"],
            then=expand(
                "results/{{collection}}/networks/{kernel}/embedding.tsv",
                kernel=config["networks"]["kernels"],
            ),
            otherwise=[],
        ),
        networks=branch(
            config["report"]["networks"],
            then=NETWORK_RESULTS,
            otherwise=[],
        ),
        planted=expand(
            "resources/{{collection}}/simulated/truth/{name}/genes.tsv",
            name=branch(
                config["report"]["networks"],
                then=figures.simulated_lines(config),
                otherwise=[],
            ),
        ),
        metacells=branch(
            config["report"]["metacells"],
            then=of_samples(METACELL_RESULTS),
            otherwise=[],
        ),
        truth=branch(
            figures.simulated(config),
            then=["resources/{collection}/simulated/truth/genes.tsv"],
            otherwise=[],
        ),
    output:
        html="results/{collection}/report.html",
        text="results/{collection}/methods.md",
        archive="results/{collection}/report.zip",
    log:
        "logs/{collection}/report/write_report.log",
    benchmark:
        "benchmarks/{collection}/report/write_report.tsv"
    # the largest environment used for the reported results, whose versions are reported
    conda:
        "../../envs/torch.yaml" if TRAINED else "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("write_report", "mem_mb"),
        runtime=needs("write_report", "runtime"),
    params:
        config=studies.without_secrets(config),
        benchmarks="benchmarks/{collection}",
        deviations=deviations.digest(),
        code=code_digest("write_report"),
    script:
        "../scripts/write_report.py"
