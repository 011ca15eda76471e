"""Transfer labels from other stages to cells."""

from panscape.data import files
from panscape.pipeline import job
from panscape.unicoord.label_transfer import transfer_labels

job.begin(snakemake)

given = snakemake.input
table = transfer_labels(
    snakemake.params.studies,
    given.counts,
    given.clusters,
    given.members,
    landscape=given.landscape or None,
    dictionary=given.dictionary or None,
)
files.write_tsv(table, snakemake.output.labels)
