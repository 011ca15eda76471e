"""Test whether the entries of the dictionary differ between samples."""

from panscape import seeds
from panscape.coscape.dictionary.samples import compare_samples, sample_table
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
settings = params.settings
block, covariates = settings["block"], settings["covariates"]
columns = [*settings["compare"], *covariates, *([block] if block else [])]
scores = ((study, files.read_h5ad(path)) for study, path in zip(params.studies, given.scores, strict=True))
samples = sample_table(scores, settings["sample"], list(dict.fromkeys(columns)))
changes = compare_samples(
    samples,
    settings["compare"],
    block=block,
    covariates=covariates,
    permutations=settings["permutations"],
    seed=seeds.derive(params.seed, "programs"),
)
files.write_tsv(samples, output.samples)
files.write_tsv(changes, output.changes)
