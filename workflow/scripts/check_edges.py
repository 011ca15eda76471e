"""Compare the dictionary's edges between two halves of a study's cells, and count chance edges."""

from panscape import seeds
from panscape.coscape.dictionary.study import study_confidence
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
result = study_confidence(
    given.counts,
    files.read_tsv(given.clusters, dtype={"cluster": str, "study": str, "parent": str}),
    files.read_csr(given.members),
    files.read_csr(given.matrices),
    files.read_tsv(given.pairs, dtype=str),
    read_dictionary(given.dictionary),
    normalisation=params.normalisation,
    coexpression={**params.coexpression, "min_expected": params.min_expected},
    depth_strata=params.settings["depth_strata"],
    seed=seeds.derive(params.seed, "confidence", snakemake.wildcards.study),
)
files.write_csr(result.agreement, output.agreement)
files.write_csr(result.size, output.magnitude)
files.write_tsv(result.chance, output.chance)
