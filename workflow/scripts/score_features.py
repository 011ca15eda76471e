"""Score the chosen gene sets in every cell."""

from panscape.data import files
from panscape.pipeline import job
from panscape.unicoord.features.collection import score_features, score_table

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
scores = score_features(
    dict(zip(params.studies, given.counts, strict=True)),
    [{"name": name, "path": path} for name, path in zip(params.libraries, given.gene_sets, strict=True)],
    files.read_tsv(given.features, dtype={"term": str, "library": str, "best_class": str}),
    params.settings,
)
files.write_h5ad(scores, output.scores)
files.write_tsv(score_table(scores), output.table)
