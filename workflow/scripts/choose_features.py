"""Select gene sets that distinguish classes and differ from each other."""

from panscape.data import files
from panscape.pipeline import job
from panscape.unicoord.features.collection import choose_features

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
chosen = choose_features(
    dict(zip(params.studies, given.counts, strict=True)),
    [{"name": name, "path": path} for name, path in zip(params.libraries, given.gene_sets, strict=True)],
    params.settings,
    seed=params.seed,
    threads=snakemake.threads,
)
files.write_tsv(chosen.table, output.features)
files.write_tsv(chosen.classes, output.classes)
files.write_tsv(chosen.statistics, output.statistics)
files.write_tsv(chosen.correlation.rename_axis("term").reset_index(), output.correlation)
