"""Score the entries of the dictionary in every cell of a study."""

from panscape.coscape.dictionary.scores import scores_to_anndata, study_scores
from panscape.coscape.dictionary.write import read_dictionary
from panscape.data import files
from panscape.data.counts import Counts
from panscape.pipeline import job

job.begin(snakemake)

given, output = snakemake.input, snakemake.output
saved, counts = read_dictionary(given.dictionary), Counts(given.counts)
clusters = files.read_tsv(given.clusters, dtype={"cluster": str, "study": str, "parent": str})
members, sample = files.read_csr(given.members), snakemake.params.sample
scores = study_scores(counts, clusters, members, saved, sample)
files.write_h5ad(scores_to_anndata(scores, counts, clusters, saved.names), output.scores)
files.write_h5ad(scores.membership.to_anndata(saved.genes, saved.names), output.membership)
