"""Score the chosen gene pairs in every pancluster of a study."""

from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.landscape.read import read_chosen
from panscape.data import files
from panscape.pipeline import job
from panscape.preprocess.genes import genes_of

job.begin(snakemake)

given = snakemake.input
scores = score_study(
    given.counts,
    genes_of(files.read_tsv(given.genes, dtype={"gene": str}), snakemake.wildcards.study),
    files.read_csr(given.members),
    read_chosen(given.pairs),
    estimator=snakemake.params.estimator,
    normalisation=snakemake.params.normalisation,
    min_expected=snakemake.params.min_expected,
    threads=snakemake.threads,
)
files.write_csr(scores, snakemake.output.scores, quick=True)
