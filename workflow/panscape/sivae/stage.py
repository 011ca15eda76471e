"""Job of the siVAE stage: training, readout and files of some lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.data import files
from panscape.sivae.baselines import pca
from panscape.sivae.job import Read, ReadoutSettings, read_bins, train
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.values import ValueSettings
from panscape.sivae.write import write_line


def train_job(
    cells: pd.DataFrame,
    counts: Mapping[str, str | Path],
    genes: Sequence[str],
    folder: str | Path,
    settings: Mapping[str, Any],
    seed: int,
    *,
    normalisation: str = "depth-log1p",
    logged: Sequence[str] = (),
    fractions: Mapping[str, float] | None = None,
    depth: Mapping[str, float] | None = None,
    threads: int = 1,
    gpus: int = 0,
    checkpoint: str | Path | None = None,
) -> None:
    """Train the lines of a job and write a folder for each.

    Parameters
    ----------
    cells
        line, bin, study, cell of the job's lines.
    counts, genes, normalisation, logged, fractions, depth
        See :func:`panscape.sivae.job.read_bins`.
    folder
        Output folder: one folder per line, and ``weights.safetensors``.
    settings
        The configuration's section ``sivae``.
    seed, threads, gpus, checkpoint
        See :func:`panscape.sivae.job.train`.
    """
    from panscape.sivae.load import write_models
    from panscape.sivae.readout import read_models, sample_cells

    model, readout = SivaeSettings.of(settings), ReadoutSettings.of(settings)
    values = ValueSettings.of(settings)
    expressions = read_bins(
        cells,
        counts,
        genes,
        values,
        seed,
        normalisation=normalisation,
        logged=logged,
        fractions=fractions,
        depth=depth,
    )
    task, history = train(expressions, model, seed, threads=threads, gpus=gpus, checkpoint=checkpoint)
    fitted = read_models(task)
    wanted = readout.network.startswith("sampled")
    reads = []
    for at, item in enumerate(expressions):
        sampled = sample_cells(task, at, len(item.cells)) if wanted else None
        reads.append(Read(item, fitted[at], pca(item.bin, model.n_latent), sampled))
    table = pd.DataFrame(history, columns=["step", "split", "term", "model", "value"])
    for line in dict.fromkeys(item.bin.line for item in expressions):
        chosen = [at for at, item in enumerate(expressions) if item.bin.line == line]
        rows = table[table["model"].isin(chosen)].assign(
            line=line, bin=lambda part: [expressions[at].bin.name for at in part["model"]]
        )
        write_line(
            Path(folder) / line, [reads[at] for at in chosen], genes, rows, model, readout, values, seed
        )
    if readout.save_weights:
        write_models(Path(folder) / "weights.safetensors", task, expressions, genes)
    else:
        files.write_json(dataclasses.asdict(model), Path(folder) / "settings.json")
