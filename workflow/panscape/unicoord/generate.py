"""Generation of cells: decode changed coordinates block by block, and annotate the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from panscape.errors import fail
from panscape.log import Progress
from panscape.training.state import generator
from panscape.unicoord.interactions import moved
from panscape.unicoord.labels import Layout
from panscape.unicoord.reconfigure import reconfigured_code

if TYPE_CHECKING:
    from panscape.unicoord.model import CoordinateSystem


def generate(
    model: CoordinateSystem,
    data,
    changes: Mapping[str, Any],
    *,
    samples: bool = False,
    copies: int = 1,
    residual: bool = False,
    unchanged: str = "given",
    seed: int = 0,
    min_overlap: float = 0.5,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Decode cells with some of their coordinates changed, block by block.

    Parameters
    ----------
    model
        A :class:`CoordinateSystem`.
    data
        AnnData, path of an h5ad file, or a list of them.
    changes
        Label -> value, array, ("shift", x) or ("between", a, b, t); see
        :func:`panscape.unicoord.reconfigure.reconfigured_code`. Empty: the cells as the model reconstructs
        them.
    samples
        Draw the unsupervised coordinates from their posterior instead of using its mean.
    copies
        Number of copies of each cell; they differ with `samples` only.
    residual
        Add the residual of each cell's reconstruction, so that cells keep their noise: x + decoded(changed) -
        decoded(unchanged).
    unchanged
        Values of unchanged labels: ``"given"`` (those of the data, where known) or ``"predicted"``.
    seed
        Seed of the draws.

    Yields
    ------
    (cells as a slice of the output, expression (B, G) in the model's normalisation, at least 0).
    """
    cells = model.cells(data)
    code, given = model.known_labels(cells.obs)
    if unchanged == "predicted":
        given[:] = False
    progress = Progress("cells", len(cells) * copies)
    for copy in range(copies):
        for rows, x in model.dense(cells, min_overlap, "mean"):
            passed = model.encode(x, code[rows], given[rows])
            now = np.where(given[rows], code[rows], _hard(model, passed.votes))
            picked = {name: _of_rows(change, rows, len(cells)) for name, change in changes.items()}
            then = reconfigured_code(model.layout, now, picked)
            free = _hard_free(model, passed.free)
            latent = passed.mean + moved(model.layout, model.interactions, now, then)
            if samples:
                random = generator(seed, "reconfigure", copy, rows.start)
                noise = torch.randn(latent.shape, generator=random).numpy()
                latent = latent + noise * np.exp(0.5 * passed.log_variance)
            made = model.decode(then, latent, free)
            if residual:
                made = np.maximum(x + made - model.decode(now, passed.mean, free), 0)
            progress.add(len(x))
            yield slice(copy * len(cells) + rows.start, copy * len(cells) + rows.stop), made


def annotate(layout: Layout, obs: pd.DataFrame, changes: Mapping[str, Any], copies: int = 1) -> pd.DataFrame:
    """Return the annotation of reconfigured cells: origin, copy, and the labels' new values.

    Parameters
    ----------
    layout
        The labels.
    obs
        Annotation of the n source cells.
    changes
        As for :func:`generate`.
    copies
        Number of copies of each cell.
    """
    n = len(obs)
    table = pd.DataFrame(
        {"origin": np.tile(obs.index.astype(str), copies), "copy": np.repeat(np.arange(copies), n)}
    )
    for label in layout.labels:
        change = changes.get(label.name)
        if label.name in obs:
            table[label.name] = np.tile(obs[label.name].to_numpy(), copies)
        if change is None:
            continue
        if isinstance(change, (tuple, dict)):
            table[f"{label.name}_change"] = str(change)
        else:
            fixed = isinstance(change, str) or np.ndim(change) == 0
            table[label.name] = change if fixed else np.tile(np.asarray(change), copies)
    table.index = [f"{name}-{copy + 1}" for name, copy in zip(table["origin"], table["copy"], strict=True)]
    return table


def _hard(model: CoordinateSystem, votes: np.ndarray) -> np.ndarray:
    """Return the most probable classes as a code."""
    code = votes.copy()
    for label in model.layout.discrete:
        part = model.layout.part(label.name)
        code[:, part] = np.eye(label.width, dtype=np.float32)[votes[:, part].argmax(axis=1)]
    return code


def _hard_free(model: CoordinateSystem, free: np.ndarray) -> np.ndarray:
    code, start = np.zeros_like(free), 0
    for size in model.network.free:
        best = free[:, start : start + size].argmax(axis=1)
        code[np.arange(len(free)), start + best] = 1
        start += size
    return code


def _of_rows(change: Any, rows: slice, n: int) -> Any:
    """Return the values of a change for some cells."""

    def cut(value: Any) -> Any:
        return value[rows] if isinstance(value, np.ndarray) and value.shape[:1] == (n,) else value

    if isinstance(change, (list, pd.Series)):
        change = np.asarray(change)
    if isinstance(change, tuple):
        return tuple(
            cut(np.asarray(part) if isinstance(part, (list, pd.Series)) else part) for part in change
        )
    if isinstance(change, np.ndarray) and change.ndim and len(change) != n:
        raise fail("reconfigure", f"{len(change)} values for {n} cells", "give one value, or one per cell")
    return cut(change)
