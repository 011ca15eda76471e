"""Rebuild the landscape with other choices."""

from panscape.coscape.landscape.read import add_scores, read_chosen, read_study
from panscape.coscape.landscape.rescore import other_estimator, rescore
from panscape.coscape.landscape.sensitivity import sensitivity_table
from panscape.data import files
from panscape.pipeline import job
from panscape.plot.sensitivity import plot_sensitivity
from panscape.preprocess.genes import genes_of

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
parts = ("counts", "clusters", "members", "matrices", "pairs", "expression")
studies = [
    read_study(name, **dict(zip(parts, paths, strict=True)))
    for name, *paths in zip(params.studies, *(given[part] for part in parts), strict=True)
]
rescored = {}
if given.scores:
    studies = add_scores(studies, given.scores, given.chosen[0])
    genes = files.read_tsv(given.genes, dtype={"gene": str})
    chosen = read_chosen(given.chosen[0])
    estimator = other_estimator(params.estimator)
    rescored[estimator] = [
        rescore(
            study,
            counts,
            genes_of(genes, study.name),
            chosen,
            estimator=estimator,
            normalisation=params.normalisation,
            min_expected=params.settings["min_expected"],
            threads=snakemake.threads,
        )
        for study, counts in zip(studies, given.counts, strict=True)
    ]
varied = params.settings["sensitivity"]
table = sensitivity_table(studies, params.settings, **varied, seed=params.seed, rescored=rescored)
files.write_tsv(table, snakemake.output.table)
with files.atomic(snakemake.output.figure) as scratch:
    plot_sensitivity(table).savefig(scratch)
