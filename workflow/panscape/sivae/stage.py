"""Job of the siVAE stage: training, readout and files of some lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.data import files
from panscape.sivae.baselines import pca
from panscape.sivae.bin_names import is_extra
from panscape.sivae.job import Read, ReadoutSettings, read_bins, train
from panscape.sivae.lines import LineSettings
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.values import Expression, ValueSettings
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
        Output folder: one folder per line, and ``weights.safetensors`` of the bins (not of their halves and
        further thinnings, which are trained with fewer steps).
    settings
        The configuration's section ``sivae``.
    seed, threads, gpus, checkpoint
        See :func:`panscape.sivae.job.train`.
    """
    from panscape.sivae.load import write_models

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
    fraction = LineSettings.of(settings).extra_steps
    parts = [[item for item in expressions if is_extra(item.bin.name) == extra] for extra in (False, True)]
    options = {"threads": threads, "gpus": gpus}
    task, reads, table = _trained(parts[0], model, readout, seed, checkpoint=checkpoint, **options)
    if parts[1]:
        shorter = model.shortened(fraction)
        saved = Path(checkpoint) / "extra" if checkpoint else None
        _, more, rest = _trained(parts[1], shorter, readout, seed, checkpoint=saved, **options)
        reads, table = [*reads, *more], pd.concat([table, rest], ignore_index=True)
    order = {(item.bin.line, item.bin.name): at for at, item in enumerate(expressions)}
    reads.sort(key=lambda read: order[read.expression.bin.line, read.expression.bin.name])
    for line in dict.fromkeys(item.bin.line for item in expressions):
        chosen = [read for read in reads if read.expression.bin.line == line]
        rows = table[table["line"] == line]
        write_line(Path(folder) / line, chosen, genes, rows, model, readout, values, seed)
    if readout.save_weights:
        write_models(Path(folder) / "weights.safetensors", task, parts[0], genes)
    else:
        files.write_json(dataclasses.asdict(model), Path(folder) / "settings.json")


def _trained(
    expressions: Sequence[Expression],
    model: SivaeSettings,
    readout: ReadoutSettings,
    seed: int,
    **options: Any,
) -> tuple[Any, list[Read], pd.DataFrame]:
    """Return the trained task, what is read off its models, and their loss terms (line, bin, step ...)."""
    from panscape.sivae.readout import read_models, sample_cells

    task, history = train(expressions, model, seed, **options)
    wanted = readout.network.startswith("sampled")
    reads = [
        Read(
            item,
            fitted,
            pca(item.bin, model.n_latent),
            sample_cells(task, at, len(item.cells)) if wanted else None,
        )
        for at, (item, fitted) in enumerate(zip(expressions, read_models(task), strict=True))
    ]
    table = pd.DataFrame(history, columns=["step", "split", "term", "model", "value"])
    for name in ("line", "bin"):
        labels = [getattr(item.bin, "line" if name == "line" else "name") for item in expressions]
        table[name] = [labels[at] for at in table["model"]]
    return task, reads, table
