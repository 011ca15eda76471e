"""Named targets: `snakemake <stage>` creates the results of a stage and everything they require."""

ON_DEMAND = [
    name for name, asked in config["report"].items() if asked is False and name != "pdf"
]


localrules:
    place_line,
    preprocess,
    panclust,
    coexpression,
    landscape,
    sensitivity,
    dictionary,
    project,
    overlap,
    metacells,
    unicoord,
    sivae,
    networks,
    features,
    report,
    preflight,
    verify,


rule preprocess:
    """Counts after quality control, and the genes on which studies are compared."""
    input:
        of_studies("results/{collection}/preprocess/{study}/counts.h5ad", use="any"),
        of_collection("results/{collection}/preprocess/qc.tsv"),
        if_used("landscape", "results/{collection}/preprocess/genes.tsv"),


rule panclust:
    """The panclusters of every study, at all resolutions and levels."""
    input:
        of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        of_studies("results/{collection}/panclust/{study}/members.npz"),
    message:
        why_skipped("landscape")


rule coexpression:
    """The sparse coexpression matrices of all panclusters, and what their corrected distance needs."""
    input:
        of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),
        branch(CORRECTED and STUDIES, then=SCORES, otherwise=[]),
    message:
        why_skipped("landscape")


rule landscape:
    """The landscape with pseudotime, genes and pairs along it, and its figures."""
    input:
        if_used("landscape", rules.build_landscape.output),
        if_used("landscape", rules.place_clusters.output),
        if_used("landscape", rules.plot_landscape.output),
    message:
        why_skipped("landscape")


rule sensitivity:
    """The sensitivity of the landscape to the choices that it depends on (on demand)."""
    input:
        if_used("landscape", rules.vary_landscape.output),
    message:
        why_skipped("landscape")


rule dictionary:
    """The networks that explain the landscape, their genes and edges, usage and reliability (on demand)."""
    input:
        if_used("landscape", [*DICTIONARY_RESULTS, *PROGRAM_RESULTS]),
    message:
        why_skipped("landscape")


rule project:
    """The projection of studies onto the landscape of a finished collection (on demand)."""
    input:
        if_used("project", PROJECT_RESULTS),
    message:
        why_skipped("project")
        if REFERENCE
        else "Skipped: project.reference names no finished collection."


rule overlap:
    """The agreement of the networks with known ones; without `overlap.networks` this is skipped (on demand)."""
    input:
        if_used("landscape", OVERLAP_RESULTS),
    message:
        why_skipped("landscape")
        if OVERLAP_RESULTS
        else "Skipped: overlap.networks names no known network."


rule metacells:
    """The metacells of multi-omic samples, their quality, and links of peaks to genes (on demand)."""
    input:
        of_samples(METACELL_RESULTS),
    message:
        why_skipped("metacells")


rule features:
    """Gene sets as features of cells; without gene sets this is skipped (on demand)."""
    input:
        of_collection(FEATURE_RESULTS),
    message:
        None if FEATURE_RESULTS else "Skipped: features.gene_sets names no gene sets."


rule unicoord:
    """The learned coordinates, their predictions and generated cells (on demand)."""
    input:
        of_collection(UNICOORD_RESULTS),
    message:
        None if UNICOORD_RESULTS else why_skipped("unicoord")


rule sivae:
    """A model of every line's cells: genes' centralities and networks, embeddings, quality (on demand)."""
    input:
        if_used("sivae", SIVAE_RESULTS),
        of_lines(SIVAE_LINE_PATHS) if studies_for("sivae") else [],
    message:
        why_skipped("sivae")


rule networks:
    """The gene networks of lines compared with each other and with the lines' phenotypes (on demand)."""
    input:
        if_used("sivae", NETWORK_RESULTS),
    message:
        why_skipped("sivae")


rule report:
    """The report of the collection and its Methods paragraph."""
    input:
        of_collection(rules.write_report.output),


rule preflight:
    """List the resource requests and expected failures of a run, from settings and file headers."""
    log:
        f"logs/{COLLECTION}/preflight.log",
    run:
        from panscape.pipeline.preflight.show import show

        show(HERE.parent / "Snakefile", config, ON_DEMAND, log[0])


rule verify:
    """Check the collection's results against the digests that were recorded when they were written."""
    log:
        f"logs/{COLLECTION}/verify.log",
    run:
        from panscape.pipeline.verify.records import report

        report(f"results/{COLLECTION}", log[0])
