"""Draw training, quality and embeddings of the lines' models."""

from pathlib import Path

from panscape.pipeline import job
from panscape.plot.sivae import draw_lines

job.begin(snakemake)

given, params = snakemake.input, snakemake.params
draw_lines(
    given.lines,
    given.models,
    given.training,
    {Path(path).parent.name: Path(path).parent for path in given.embeddings},
    snakemake.output.png,
    params.settings,
    params.formats,
)
