"""Build the landscape of all studies' panclusters."""

from panscape import adapter, files, landscape

adapter.begin(snakemake)

parts = ("counts", "clusters", "members", "matrices", "pairs", "expression")
studies = [
    landscape.read_study(name, **dict(zip(parts, paths, strict=True)))
    for name, *paths in zip(snakemake.params.studies, *(snakemake.input[part] for part in parts), strict=True)
]
result = landscape.build(studies, snakemake.params.settings, snakemake.params.seed)
with files.atomic(snakemake.output.landscape) as scratch:
    landscape.to_anndata(result).write_h5ad(scratch, compression="lzf")
files.write_tsv(landscape.pseudotime_table(result), snakemake.output.pseudotime)
files.write_tsv(result.genes, snakemake.output.genes)
files.write_tsv(result.pairs, snakemake.output.pairs)
files.write_tsv(result.statistics, snakemake.output.statistics)
