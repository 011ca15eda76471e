"""Draw training, quality and embeddings of the lines' models."""

from pathlib import Path

from panscape import adapter, sivae

adapter.begin(snakemake)

given, params = snakemake.input, snakemake.params
sivae.draw_lines(
    given.lines,
    given.models,
    given.training,
    {Path(path).parent.name: Path(path).parent for path in given.embeddings},
    snakemake.output.png,
    params.settings,
    params.formats,
)
