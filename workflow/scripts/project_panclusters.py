"""Project panclusters onto the dictionary and landscape of a finished collection."""

from panscape.coscape.project.collection import project_studies
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
parts = ("counts", "clusters", "members", "matrices", "pairs", "expression")
studies = {
    name: dict(zip(parts, paths, strict=True))
    for name, *paths in zip(params.studies, *(given[part] for part in parts), strict=True)
}
for name, path in zip(params.studies, given.scores, strict=False):  # none without the corrected distance
    studies[name]["scores"] = path
table = project_studies(params.reference, studies, coverage=params.coverage)
files.write_tsv(table, snakemake.output.projected)
