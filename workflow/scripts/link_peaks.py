"""Link peaks to genes across a sample's metacells, and validate the links."""

from panscape.coem.links.link_validation import link_sample
from panscape.coem.metacells.sum import read_grouped
from panscape.coem.paired import load_paired
from panscape.data import files
from panscape.pipeline import job

job.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
grouped = read_grouped(given)
linked = link_sample(
    load_paired(given.sample),
    grouped.methods,
    params.settings,
    genes=params.settings["genes"],
    truth=files.read_tsv(given.truth[0], dtype=str) if given.truth else None,
    conditioned=grouped.conditioned,
    seed=params.seed,
)
files.write_tsv(linked.links, output.links)
files.write_tsv(linked.best, output.best)
files.write_tsv(linked.validation, output.evidence)
files.write_h5ad(linked.scores, output.scores, compressed=False)
