"""Explain the landscape by a few coexpression networks, with their gene sets and reliability.

REQUIRED INPUTS
    results/{collection}/landscape/landscape.h5ad           panclusters, their annotations and pseudotime
    results/{collection}/coexpression/{study}/              matrices.npz, pairs.tsv
    results/{collection}/panclust/{study}/                  clusters.tsv, members.npz
    results/{collection}/preprocess/{study}/counts.h5ad     cells, for the confidence in edges
    the GMT files of dictionary.gene_sets
OUTPUTS
    results/{collection}/dictionary/elbow.tsv           k, error, gain ... by number of entries
    results/{collection}/dictionary/dictionary.h5ad     entries x pairs; obsm usage: entries x panclusters
    results/{collection}/dictionary/entries.tsv         entry, n_panclusters, pseudotime, stability, reliability ...
    results/{collection}/dictionary/edges.tsv.gz        entry, gene_a, gene_b, weight, marker, reliability
    results/{collection}/dictionary/marker_edges.tsv    entry, gene_a, gene_b, weight, reliability
    results/{collection}/dictionary/marker_genes.tsv    entry, gene, marker_edges
    results/{collection}/dictionary/centrality.tsv      entry, gene, betweenness, degree ...
    results/{collection}/dictionary/links.tsv           entry, gene_a, gene_b, hops, weight: the drawn networks
    results/{collection}/dictionary/usage.tsv           entry, column, value, usage, expected
    results/{collection}/dictionary/enrichment.tsv      entry, library, term, overlap, pvalue, fdr ...
    results/{collection}/dictionary/factors.tsv         cluster, factor-01 ...: expression factors; factor_genes.tsv
    results/{collection}/dictionary/counterparts.tsv    entry, factor, rho
    results/{collection}/dictionary/{study}/            agreement.npz, magnitude.npz, chance.tsv
    results/{collection}/dictionary/figures/
"""

from panscape.config import figures
from panscape.coscape import reference

DICTIONARY_FIGURES = {
    "elbow": "Number of entries",
    "usage-maps": "Usage over the landscape",
    "usage-labels": "Usage by label",
    "networks": "Most central genes",
    **(
        {"confidence": "Confidence in edges"}
        if config["dictionary"]["confidence"]
        else {}
    ),
    **({"enrichment": "Gene sets"} if config["dictionary"]["gene_sets"] else {}),
}


rule find_elbow:
    """Fit dictionaries over a range of sizes and suggest one."""
    input:
        landscape="results/{collection}/landscape/landscape.h5ad",
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        pairs=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
    output:
        elbow="results/{collection}/dictionary/elbow.tsv",
    log:
        "logs/{collection}/dictionary/find_elbow.log",
    benchmark:
        "benchmarks/{collection}/dictionary/find_elbow.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("find_elbow", "mem_mb"),
        runtime=needs("find_elbow", "runtime"),
    params:
        settings=config["dictionary"],
        seed=config["seed"],
        code=code_digest("find_elbow"),
    script:
        "../scripts/find_elbow.py"


rule learn_dictionary:
    """Learn the dictionary from several starts and keep the best."""
    input:
        elbow="results/{collection}/dictionary/elbow.tsv",
        landscape="results/{collection}/landscape/landscape.h5ad",
        clusters=of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        matrices=of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        pairs=of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
    output:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
    log:
        "logs/{collection}/dictionary/learn_dictionary.log",
    benchmark:
        "benchmarks/{collection}/dictionary/learn_dictionary.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 2
    resources:
        mem_mb=needs("learn_dictionary", "mem_mb"),
        runtime=needs("learn_dictionary", "runtime"),
    params:
        settings=config["dictionary"],
        collection=reference.describe(config, STUDIES),
        seed=config["seed"],
        code=code_digest("learn_dictionary"),
    script:
        "../scripts/learn_dictionary.py"


rule check_edges:
    """Compare the dictionary's edges between two halves of a study's cells, and count chance edges."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        counts="results/{collection}/preprocess/{study}/counts.h5ad",
        clusters="results/{collection}/panclust/{study}/clusters.tsv",
        members="results/{collection}/panclust/{study}/members.npz",
        matrices="results/{collection}/coexpression/{study}/matrices.npz",
        pairs="results/{collection}/coexpression/{study}/pairs.tsv",
    output:
        agreement="results/{collection}/dictionary/{study}/agreement.npz",
        magnitude="results/{collection}/dictionary/{study}/magnitude.npz",
        chance="results/{collection}/dictionary/{study}/chance.tsv",
    log:
        "logs/{collection}/dictionary/{study}/check_edges.log",
    benchmark:
        "benchmarks/{collection}/dictionary/{study}/check_edges.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("check_edges", "mem_mb"),
        runtime=needs("check_edges", "runtime"),
    params:
        settings=config["dictionary"],
        coexpression=config["coexpression"],
        min_expected=config["landscape"]["min_expected"],
        normalisation=config["preprocess"]["normalisation"],
        seed=config["seed"],
        code=code_digest("check_edges"),
    script:
        "../scripts/check_edges.py"


rule read_entries:
    """Tabulate networks, centralities, marker edges and usage of every entry."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        landscape="results/{collection}/landscape/landscape.h5ad",
        agreement=branch(
            config["dictionary"]["confidence"],
            then=of_studies("results/{collection}/dictionary/{study}/agreement.npz"),
            otherwise=[],
        ),
        magnitude=branch(
            config["dictionary"]["confidence"],
            then=of_studies("results/{collection}/dictionary/{study}/magnitude.npz"),
            otherwise=[],
        ),
        chance=branch(
            config["dictionary"]["confidence"],
            then=of_studies("results/{collection}/dictionary/{study}/chance.tsv"),
            otherwise=[],
        ),
    output:
        entries="results/{collection}/dictionary/entries.tsv",
        edges="results/{collection}/dictionary/edges.tsv.gz",
        markers="results/{collection}/dictionary/marker_edges.tsv",
        genes="results/{collection}/dictionary/marker_genes.tsv",
        centrality="results/{collection}/dictionary/centrality.tsv",
        links="results/{collection}/dictionary/links.tsv",
        usage="results/{collection}/dictionary/usage.tsv",
        fit="results/{collection}/dictionary/fit.tsv",
    log:
        "logs/{collection}/dictionary/read_entries.log",
    benchmark:
        "benchmarks/{collection}/dictionary/read_entries.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("read_entries", "mem_mb"),
        runtime=needs("read_entries", "runtime"),
    params:
        settings=config["dictionary"],
        columns=figures.columns(config),
        code=code_digest("read_entries"),
    script:
        "../scripts/read_entries.py"


rule enrich_entries:
    """Test the genes of every entry's marker edges for gene sets."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        genes="results/{collection}/dictionary/marker_genes.tsv",
        gene_sets=[library["path"] for library in config["dictionary"]["gene_sets"]],
    output:
        enrichment="results/{collection}/dictionary/enrichment.tsv",
    log:
        "logs/{collection}/dictionary/enrich_entries.log",
    benchmark:
        "benchmarks/{collection}/dictionary/enrich_entries.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("enrich_entries", "mem_mb"),
        runtime=needs("enrich_entries", "runtime"),
    params:
        settings=config["dictionary"],
        code=code_digest("enrich_entries"),
    script:
        "../scripts/enrich_entries.py"


rule factorise_expression:
    """Factorise the expression of the panclusters, for comparison with the dictionary."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        landscape="results/{collection}/landscape/landscape.h5ad",
    output:
        usage="results/{collection}/dictionary/factors.tsv",
        genes="results/{collection}/dictionary/factor_genes.tsv",
        matches="results/{collection}/dictionary/counterparts.tsv",
    log:
        "logs/{collection}/dictionary/factorise_expression.log",
    benchmark:
        "benchmarks/{collection}/dictionary/factorise_expression.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("factorise_expression", "mem_mb"),
        runtime=needs("factorise_expression", "runtime"),
    params:
        code=code_digest("factorise_expression"),
    script:
        "../scripts/factorise_expression.py"


rule plot_dictionary:
    """Draw the elbow, usage, networks, reliability and gene sets of the dictionary."""
    input:
        dictionary="results/{collection}/dictionary/dictionary.h5ad",
        landscape="results/{collection}/landscape/landscape.h5ad",
        elbow="results/{collection}/dictionary/elbow.tsv",
        entries="results/{collection}/dictionary/entries.tsv",
        edges="results/{collection}/dictionary/edges.tsv.gz",
        centrality="results/{collection}/dictionary/centrality.tsv",
        links="results/{collection}/dictionary/links.tsv",
        usage="results/{collection}/dictionary/usage.tsv",
        fit="results/{collection}/dictionary/fit.tsv",
        programs="results/{collection}/programs/programs.tsv",
        chance=branch(
            config["dictionary"]["confidence"],
            then=of_studies("results/{collection}/dictionary/{study}/chance.tsv"),
            otherwise=[],
        ),
        enrichment=branch(
            config["dictionary"]["gene_sets"],
            then="results/{collection}/dictionary/enrichment.tsv",
            otherwise=[],
        ),
    output:
        png=[
            report(
                f"results/{{collection}}/dictionary/figures/{name}.png",
                caption=f"../report/dictionary_{name.replace('-', '_')}.rst",
                category="3 Dictionary",
                labels={"figure": title},
            )
            for name, title in DICTIONARY_FIGURES.items()
        ],
        others=expand(
            "results/{{collection}}/dictionary/figures/{name}.{kind}",
            name=DICTIONARY_FIGURES,
            kind=figures.formats(config)[1:],
        ),
    log:
        "logs/{collection}/dictionary/plot_dictionary.log",
    benchmark:
        "benchmarks/{collection}/dictionary/plot_dictionary.tsv"
    conda:
        "../../envs/graph.yaml"
    threads: 1
    resources:
        mem_mb=needs("plot_dictionary", "mem_mb"),
        runtime=needs("plot_dictionary", "runtime"),
    params:
        units=figures.units(config),
        formats=figures.formats(config),
        code=code_digest("plot_dictionary"),
    script:
        "../scripts/plot_dictionary.py"


# inputs of the target and the report, depending on the configured parts
DICTIONARY_RESULTS = [
    *rules.find_elbow.output,
    *rules.learn_dictionary.output,
    *rules.read_entries.output,
    *(rules.enrich_entries.output if config["dictionary"]["gene_sets"] else []),
    *(
        rules.factorise_expression.output
        if config["dictionary"]["nmf_programs"]
        else []
    ),
    *rules.plot_dictionary.output,
]
