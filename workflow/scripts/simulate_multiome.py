"""Simulate one sample with RNA and accessibility, and write its true links."""

from panscape.pipeline import job
from panscape.simulate.multiome import (
    draw_multiome,
    multiome_from_config,
    write_multiome,
    write_multiome_truth,
)

job.begin(snakemake)

settings = next(
    item for item in multiome_from_config(snakemake.params.settings) if item.name == snakemake.wildcards.study
)
drawn = draw_multiome(settings, snakemake.params.seed)
write_multiome_truth(drawn, snakemake.output.links)
write_multiome(drawn, snakemake.output.counts)
