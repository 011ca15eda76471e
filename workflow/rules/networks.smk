"""Compare the gene networks of lines with each other and with the lines' phenotypes.

REQUIRED INPUTS
    results/{collection}/sivae/lines.tsv                the lines, their cells and phenotypes
    results/{collection}/sivae/{line}/                  genes.tsv.gz, embedding.h5ad, graph*.npz
    the GMT files of networks.gene_sets, the edge lists of overlap.networks
OUTPUTS ({kernel}: cka, neighbours, wl-degree ... of siVAE; cka-pca ... of the other engines)
    results/{collection}/networks/{kernel}/similarity.tsv   line x line
    results/{collection}/networks/{kernel}/embedding.tsv    line, axis_1 ..., phenotypes
    results/{collection}/networks/{kernel}/tests.tsv        association with the phenotypes, and permutations
    results/{collection}/networks/reliability.tsv    line, model, source, parts, measure, within, others, rank, flag
    results/{collection}/networks/centrality.tsv     gene, phenotype, model, rho, pvalue, fdr, rho_partial ...
    results/{collection}/networks/gsea.tsv           term, library, phenotype, model, ranking, nes, pvalue, fdr ...
    results/{collection}/networks/edges.tsv          gene_a, gene_b, set_a, set_b, phenotype, model, rho, fdr ...
    results/{collection}/networks/set_edges.tsv      set_a, set_b, phenotype, model, edges, rho, fdr ...
    results/{collection}/networks/group_edges.tsv.gz gene_a, gene_b, phenotype, group, share, share_others ...
    results/{collection}/networks/effects.tsv        gene, phenotype, model, effect and its interval ...
    results/{collection}/networks/modules.tsv        set, library, phenotype, model, effect, tests: of gene sets
    results/{collection}/networks/end_edges.tsv      set, phenotype, model, gene_a, gene_b, low, high, change
    results/{collection}/networks/engines.tsv        phenotype, model, calibration, agreement, power, believed ...
    results/{collection}/networks/verdict.tsv        kind, name, phenotype, verdict, believed, engines ...
    results/{collection}/networks/neighbours.tsv.gz  gene, model, rank, neighbour, lines, n, mean_rank
    results/{collection}/networks/line_neighbours.tsv  gene, model, line, neighbours: of a few genes
    results/{collection}/networks/known.tsv          line, bin, model, network, odds_ratio, low, high ...
    results/{collection}/networks/tests.tsv          all nulls, and skipped tests with reasons
    results/{collection}/networks/figures/
"""

from panscape.config import figures

from panscape.sivae.networks.run import kernel_names, phenotype_columns
from panscape.sivae.networks.settings import rule_settings, usable_engines

# the files of a line are placed together, so that one of them stands for all: Snakemake looks up the rule of every
# input of every job at each start
NETWORK_INPUTS = "results/{collection}/sivae/{line}/models.tsv"
NETWORKS = config["networks"] | {"engines": usable_engines(config)}
NETWORK_KERNELS = list(kernel_names(NETWORKS))
NETWORK_PHENOTYPES = phenotype_columns(config)
# the user's table of lines, if phenotypes are from one
NETWORK_TABLE = [
    path for path in [config["networks"]["phenotypes"]] if isinstance(path, str)
]
EFFECT_FIGURES = {
    "effects": "Change of connectivity with the phenotype",
    "hubs": "Centrality at both ends of the phenotype",
    "ends": "Edges gained and lost between the ends",
}
NETWORK_FIGURES = {
    "lines": "Lines by their networks",
    "genes": "Genes whose centrality follows the phenotype",
    "reliability": "Reliability of the lines' networks",
    "networks": "The network of a gene set in several lines",
}


rule compare_lines:
    """Compare all lines by every kernel, embed them, and test the association with the phenotypes."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        table=NETWORK_TABLE,
    output:
        similarity=expand(
            "results/{{collection}}/networks/{kernel}/similarity.tsv",
            kernel=NETWORK_KERNELS,
        ),
        embedding=expand(
            "results/{{collection}}/networks/{kernel}/embedding.tsv",
            kernel=NETWORK_KERNELS,
        ),
        tests=expand(
            "results/{{collection}}/networks/{kernel}/tests.tsv",
            kernel=NETWORK_KERNELS,
        ),
    log:
        "logs/{collection}/networks/compare_lines.log",
    benchmark:
        "benchmarks/{collection}/networks/compare_lines.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("compare_lines", "mem_mb", use="sivae"),
        runtime=needs("compare_lines", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "compare_lines"),
        kernels=NETWORK_KERNELS,
        phenotypes=NETWORK_PHENOTYPES,
        seed=config["seed"],
        code=code_digest("compare_lines"),
    script:
        "../scripts/compare_lines.py"


rule check_lines:
    """Measure the reliability of each line's network between bins or halves of its cells."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
    output:
        reliability="results/{collection}/networks/reliability.tsv",
    log:
        "logs/{collection}/networks/check_lines.log",
    benchmark:
        "benchmarks/{collection}/networks/check_lines.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("check_lines", "mem_mb", use="sivae"),
        runtime=needs("check_lines", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "check_lines"),
        code=code_digest("check_lines"),
    script:
        "../scripts/check_lines.py"


rule associate_genes:
    """Test every gene's centrality against the phenotypes of the lines, with and without controls."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        kept=of_studies("results/{collection}/preprocess/{study}/kept.tsv", use="sivae"),
        table=NETWORK_TABLE,
    output:
        genes="results/{collection}/networks/centrality.tsv",
        tests=temp("results/{collection}/networks/centrality_tests.tsv"),
    log:
        "logs/{collection}/networks/associate_genes.log",
    benchmark:
        "benchmarks/{collection}/networks/associate_genes.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("associate_genes", "mem_mb", use="sivae"),
        runtime=needs("associate_genes", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "associate_genes"),
        phenotypes=NETWORK_PHENOTYPES,
        seed=config["seed"],
        code=code_digest("associate_genes"),
    script:
        "../scripts/associate_genes.py"


rule rank_sets:
    """Run GSEA on the genes' associations."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        genes="results/{collection}/networks/centrality.tsv",
        sets=[library["path"] for library in config["networks"]["gene_sets"]],
        table=NETWORK_TABLE,
    output:
        sets="results/{collection}/networks/gsea.tsv",
        tests=temp("results/{collection}/networks/gsea_tests.tsv"),
    log:
        "logs/{collection}/networks/rank_sets.log",
    benchmark:
        "benchmarks/{collection}/networks/rank_sets.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("rank_sets", "mem_mb", use="sivae"),
        runtime=needs("rank_sets", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "rank_sets"),
        phenotypes=NETWORK_PHENOTYPES,
        seed=config["seed"],
        code=code_digest("rank_sets"),
    script:
        "../scripts/rank_sets.py"


rule associate_edges:
    """Test the edges inside and between gene sets, and list the edges of groups of lines."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        sets=[library["path"] for library in config["networks"]["gene_sets"]],
        table=NETWORK_TABLE,
    output:
        edges="results/{collection}/networks/edges.tsv",
        sets="results/{collection}/networks/set_edges.tsv",
        groups="results/{collection}/networks/group_edges.tsv.gz",
        tests=temp("results/{collection}/networks/edge_tests.tsv"),
    log:
        "logs/{collection}/networks/associate_edges.log",
    benchmark:
        "benchmarks/{collection}/networks/associate_edges.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("associate_edges", "mem_mb", use="sivae"),
        runtime=needs("associate_edges", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "associate_edges"),
        phenotypes=NETWORK_PHENOTYPES,
        seed=config["seed"],
        code=code_digest("associate_edges"),
    script:
        "../scripts/associate_edges.py"


rule score_edges:
    """Test the enrichment of known interactions among each line's edges."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        networks=[network["path"] for network in config["overlap"]["networks"]],
    output:
        known="results/{collection}/networks/known.tsv",
    log:
        "logs/{collection}/networks/score_edges.log",
    benchmark:
        "benchmarks/{collection}/networks/score_edges.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("score_edges", "mem_mb", use="sivae"),
        runtime=needs("score_edges", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "score_edges"),
        names=[network["name"] for network in config["overlap"]["networks"]],
        code=code_digest("score_edges"),
    script:
        "../scripts/score_edges.py"


rule list_neighbours:
    """List the nearest genes of every gene over lines, and of chosen genes in every line."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        genes="results/{collection}/networks/centrality.tsv",
    output:
        consensus="results/{collection}/networks/neighbours.tsv.gz",
        lines="results/{collection}/networks/line_neighbours.tsv",
    log:
        "logs/{collection}/networks/list_neighbours.log",
    benchmark:
        "benchmarks/{collection}/networks/list_neighbours.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("list_neighbours", "mem_mb", use="sivae"),
        runtime=needs("list_neighbours", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "list_neighbours"),
        code=code_digest("list_neighbours"),
    script:
        "../scripts/list_neighbours.py"


rule collect_tests:
    """Concatenate the nulls of all comparisons, and the skipped tests with reasons."""
    input:
        kernels=expand(
            "results/{{collection}}/networks/{kernel}/tests.tsv",
            kernel=NETWORK_KERNELS,
        ),
        genes="results/{collection}/networks/centrality_tests.tsv",
        sets="results/{collection}/networks/gsea_tests.tsv",
        edges="results/{collection}/networks/edge_tests.tsv",
    output:
        tests="results/{collection}/networks/tests.tsv",
    log:
        "logs/{collection}/networks/collect_tests.log",
    benchmark:
        "benchmarks/{collection}/networks/collect_tests.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("collect_tests", "mem_mb", use="sivae"),
        runtime=needs("collect_tests", "runtime", use="sivae"),
    params:
        code=code_digest("collect_tests"),
    script:
        "../scripts/collect_tests.py"


rule measure_effects:
    """Measure how much connectivity changes with the phenotypes, of genes and of gene sets."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        table=NETWORK_TABLE,
        sets=[library["path"] for library in config["networks"]["gene_sets"]],
    output:
        genes="results/{collection}/networks/effects.tsv",
        sets="results/{collection}/networks/modules.tsv",
    log:
        "logs/{collection}/networks/measure_effects.log",
    benchmark:
        "benchmarks/{collection}/networks/measure_effects.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("measure_effects", "mem_mb", use="sivae"),
        runtime=needs("measure_effects", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "measure_effects"),
        phenotypes=NETWORK_PHENOTYPES,
        seed=config["seed"],
        code=code_digest("measure_effects"),
    script:
        "../scripts/measure_effects.py"


rule judge_engines:
    """Compare the engines on these lines, and join their calls to one verdict."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        table=NETWORK_TABLE,
        genes="results/{collection}/networks/centrality.tsv",
        tests="results/{collection}/networks/tests.tsv",
        reliability="results/{collection}/networks/reliability.tsv",
        sets="results/{collection}/networks/modules.tsv",
        enriched="results/{collection}/networks/gsea.tsv",
        known=rules.score_edges.output.known if config["overlap"]["networks"] else [],
    output:
        engines="results/{collection}/networks/engines.tsv",
        verdict="results/{collection}/networks/verdict.tsv",
    log:
        "logs/{collection}/networks/judge_engines.log",
    benchmark:
        "benchmarks/{collection}/networks/judge_engines.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("judge_engines", "mem_mb", use="sivae"),
        runtime=needs("judge_engines", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "judge_engines"),
        phenotypes=NETWORK_PHENOTYPES,
        seed=config["seed"],
        code=code_digest("judge_engines"),
    script:
        "../scripts/judge_engines.py"


rule plot_networks:
    """Draw the maps of lines, the genes, the reliability, and the network of a gene set in several lines."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        embeddings=expand(
            "results/{{collection}}/networks/{kernel}/embedding.tsv",
            kernel=NETWORK_KERNELS,
        ),
        tests="results/{collection}/networks/tests.tsv",
        genes="results/{collection}/networks/centrality.tsv",
        sets="results/{collection}/networks/gsea.tsv",
        reliability="results/{collection}/networks/reliability.tsv",
        libraries=[library["path"] for library in config["networks"]["gene_sets"]],
        table=NETWORK_TABLE,
    output:
        png=[
            report(
                f"results/{{collection}}/networks/figures/{name}.png",
                caption=f"../report/networks_{name}.rst",
                category="6 Networks",
                labels={"figure": title},
            )
            for name, title in NETWORK_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/networks/figures/{name}.{kind}",
            name=NETWORK_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/networks/plot_networks.log",
    benchmark:
        "benchmarks/{collection}/networks/plot_networks.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_networks", "mem_mb", use="sivae"),
        runtime=needs("plot_networks", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "plot_networks"),
        phenotypes=NETWORK_PHENOTYPES,
        kernels=NETWORK_KERNELS,
        formats=figures.formats(config),
        code=code_digest("plot_networks"),
    script:
        "../scripts/plot_networks.py"


rule compare_ends:
    """Compare the network of a gene set in lines at both ends of a phenotype."""
    input:
        lines="results/{collection}/sivae/lines.tsv",
        trained=of_lines(NETWORK_INPUTS),
        table=NETWORK_TABLE,
        genes="results/{collection}/networks/centrality.tsv",
        sets="results/{collection}/networks/gsea.tsv",
        libraries=[library["path"] for library in config["networks"]["gene_sets"]],
    output:
        edges="results/{collection}/networks/end_edges.tsv",
    log:
        "logs/{collection}/networks/compare_ends.log",
    benchmark:
        "benchmarks/{collection}/networks/compare_ends.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("compare_ends", "mem_mb", use="sivae"),
        runtime=needs("compare_ends", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "compare_ends"),
        phenotypes=NETWORK_PHENOTYPES,
        code=code_digest("compare_ends"),
    script:
        "../scripts/compare_ends.py"


rule plot_effects:
    """Draw the changes of connectivity with the phenotypes."""
    input:
        effects="results/{collection}/networks/effects.tsv",
        genes="results/{collection}/networks/centrality.tsv",
        ends="results/{collection}/networks/end_edges.tsv",
    output:
        png=[
            report(
                f"results/{{collection}}/networks/figures/{name}.png",
                caption=f"../report/networks_{name}.rst",
                category="6 Networks",
                labels={"figure": title},
            )
            for name, title in EFFECT_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/networks/figures/{name}.{kind}",
            name=EFFECT_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/networks/plot_effects.log",
    benchmark:
        "benchmarks/{collection}/networks/plot_effects.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_effects", "mem_mb", use="sivae"),
        runtime=needs("plot_effects", "runtime", use="sivae"),
    params:
        settings=rule_settings(NETWORKS, "plot_effects"),
        formats=figures.formats(config),
        code=code_digest("plot_effects"),
    script:
        "../scripts/plot_effects.py"


# inputs of the target and the report
NETWORK_RESULTS = [
    *expand(
        "results/{{collection}}/networks/{kernel}/similarity.tsv",
        kernel=NETWORK_KERNELS,
    ),
    rules.check_lines.output.reliability,
    rules.associate_genes.output.genes,
    rules.rank_sets.output.sets,
    rules.associate_edges.output.edges,
    rules.associate_edges.output.sets,
    rules.associate_edges.output.groups,
    *(rules.score_edges.output if config["overlap"]["networks"] else []),
    *rules.list_neighbours.output,
    *rules.measure_effects.output,
    *rules.judge_engines.output,
    rules.collect_tests.output.tests,
    *rules.compare_ends.output,
    *rules.plot_networks.output,
    *rules.plot_effects.output,
]
