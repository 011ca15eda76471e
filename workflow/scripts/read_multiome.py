"""Read a sample's genes and peaks and keep the cells that have both."""

from panscape.coem.metacells.pool import pool
from panscape.coem.multiome import read_paired
from panscape.coem.paired import write_paired
from panscape.pipeline import job

job.begin(snakemake)

params = snakemake.params
parts = {
    study["id"]: read_paired(study, counts, species=params.species)
    for study, counts in zip(params.studies, snakemake.input.counts, strict=True)
}
write_paired(pool(parts), snakemake.output.sample, snakemake.wildcards.sample)
