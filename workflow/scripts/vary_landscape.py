"""Rebuild the landscape over a grid of thresholds and numbers of neighbours."""

from panscape.coscape.landscape.read import add_scores, read_study
from panscape.coscape.landscape.sensitivity import sensitivity_table
from panscape.data import files
from panscape.pipeline import job
from panscape.plot.sensitivity import plot_sensitivity

job.begin(snakemake)

parts = ("counts", "clusters", "members", "matrices", "pairs", "expression")
studies = [
    read_study(name, **dict(zip(parts, paths, strict=True)))
    for name, *paths in zip(snakemake.params.studies, *(snakemake.input[part] for part in parts), strict=True)
]
if snakemake.input.scores:
    chosen = snakemake.input.chosen[0]
    scored = zip(studies, snakemake.input.scores, strict=True)
    studies = [add_scores(study, path, chosen) for study, path in scored]
settings = snakemake.params.settings
table = sensitivity_table(studies, settings, **settings["sensitivity"])
files.write_tsv(table, snakemake.output.table)
with files.atomic(snakemake.output.figure) as scratch:
    plot_sensitivity(table).savefig(scratch)
