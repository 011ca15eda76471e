"""Read a sample's genes and peaks and keep the cells that have both."""

from panscape import adapter, metacells

adapter.begin(snakemake)

params = snakemake.params
parts = {
    study["id"]: metacells.read_paired(study, counts, species=params.species)
    for study, counts in zip(params.studies, snakemake.input.counts, strict=True)
}
metacells.write_paired(metacells.pool(parts), snakemake.output.sample, snakemake.wildcards.sample)
