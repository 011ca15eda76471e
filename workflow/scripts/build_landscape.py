"""Build the landscape of all studies' panclusters."""

from panscape.coscape.landscape.build import compute_landscape
from panscape.coscape.landscape.read import add_scores, read_study
from panscape.coscape.landscape.write import landscape_to_anndata
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

parts = ("counts", "clusters", "members", "matrices", "pairs", "expression")
studies = [
    read_study(name, **dict(zip(parts, paths, strict=True)))
    for name, *paths in zip(snakemake.params.studies, *(snakemake.input[part] for part in parts), strict=True)
]
if snakemake.input.scores:
    studies = add_scores(studies, snakemake.input.scores, snakemake.input.chosen[0])
result = compute_landscape(studies, snakemake.params.settings, snakemake.params.seed)
files.write_h5ad(landscape_to_anndata(result), snakemake.output.landscape)
files.write_tsv(result.genes, snakemake.output.genes)
files.write_tsv(result.pairs, snakemake.output.pairs)
files.write_tsv(result.statistics, snakemake.output.statistics)
