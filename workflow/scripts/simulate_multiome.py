"""Draw one simulated sample with RNA and accessibility, and write what is planted in it."""

from panscape import adapter, simulate

adapter.begin(snakemake)

settings = next(
    item
    for item in simulate.multiome_from_config(snakemake.params.settings)
    if item.name == snakemake.wildcards.study
)
drawn = simulate.draw_multiome(settings, snakemake.params.seed)
simulate.write_multiome_truth(drawn, snakemake.output.links)
simulate.write_multiome(drawn, snakemake.output.counts)
