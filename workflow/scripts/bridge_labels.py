"""Give cells the labels that other stages know."""

from panscape import adapter, files
from panscape.unicoord._bridges import bridge_labels

adapter.begin(snakemake)

given = snakemake.input
table = bridge_labels(
    snakemake.params.studies,
    given.counts,
    given.clusters,
    given.members,
    landscape=given.landscape or None,
    dictionary=given.dictionary or None,
)
files.write_tsv(table, snakemake.output.labels)
