"""Link peaks to genes over a sample's metacells, and show what the links are worth."""

from panscape import adapter, files, metacells

adapter.begin(snakemake)

given, params, output = snakemake.input, snakemake.params, snakemake.output
grouped = metacells.read_grouped(given)
linked = metacells.link_sample(
    metacells.load_paired(given.sample),
    grouped.methods,
    params.settings,
    genes=params.settings["genes"],
    truth=files.read_tsv(given.truth[0], dtype=str) if given.truth else None,
    conditioned=grouped.conditioned,
    seed=params.seed,
)
files.write_tsv(linked.links, output.links)
files.write_tsv(linked.evidence, output.evidence)
with files.atomic(output.scores) as scratch:
    linked.scores.write_h5ad(scratch)
