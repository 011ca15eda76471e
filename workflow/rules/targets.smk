"""The named targets: `snakemake <stage>` makes what a stage promises for the collection, and no more."""


localrules:
    preprocess,
    panclust,
    coexpression,
    landscape,
    sensitivity,
    dictionary,
    overlap,
    report,


rule preprocess:
    """Counts after quality control, and the genes that all studies are compared on."""
    input:
        of_studies("results/{collection}/preprocess/{study}/counts.h5ad"),
        of_collection("results/{collection}/preprocess/qc.tsv"),
        of_collection("results/{collection}/preprocess/genes.tsv"),


rule panclust:
    """The panclusters of every study, at all resolutions and levels."""
    input:
        of_studies("results/{collection}/panclust/{study}/clusters.tsv"),
        of_studies("results/{collection}/panclust/{study}/members.npz"),


rule coexpression:
    """The sparse coexpression matrices of all panclusters."""
    input:
        of_studies("results/{collection}/coexpression/{study}/matrices.npz"),
        of_studies("results/{collection}/coexpression/{study}/pairs.tsv"),


rule landscape:
    """The landscape with pseudotime, genes and pairs along it, and its figures."""
    input:
        of_collection(rules.build_landscape.output),
        of_collection(rules.plot_landscape.output),


rule sensitivity:
    """How the landscape changes with the threshold and the number of neighbours (on demand)."""
    input:
        of_collection(rules.vary_landscape.output),


rule dictionary:
    """The networks that explain the landscape, their genes and edges, usage and reliability (on demand)."""
    input:
        of_collection(DICTIONARY_RESULTS),


rule overlap:
    """How far the networks agree with known ones; without `overlap.networks` this is skipped (on demand)."""
    input:
        of_collection(OVERLAP_RESULTS),
    message:
        "The overlap with known networks is done."
        if OVERLAP_RESULTS
        else "Skipped: overlap.networks names no known network."


rule report:
    """The report of the collection and its Methods paragraph."""
    input:
        of_collection(rules.write_report.output),
