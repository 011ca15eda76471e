"""Rebuild the landscape over thresholds and numbers of neighbours."""

from panscape import adapter, files, landscape

adapter.begin(snakemake)

parts = ("counts", "clusters", "members", "matrices", "pairs", "expression")
studies = [
    landscape.read_study(name, **dict(zip(parts, paths, strict=True)))
    for name, *paths in zip(snakemake.params.studies, *(snakemake.input[part] for part in parts), strict=True)
]
settings = snakemake.params.settings
table = landscape.sensitivity(studies, settings, **settings["sensitivity"])
files.write_tsv(table, snakemake.output.table)
with files.atomic(snakemake.output.figure) as scratch:
    landscape.plot_sensitivity(table).savefig(scratch)
