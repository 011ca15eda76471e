"""Evaluate metacells: SEACells' measures, variants for disconnected data, purity and sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.graph.multiscale import DiffusionSpace

NEARLY_ALL = 0.95  # fraction of a metacell's cells from which on it is of one batch


def compactness(space: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the mean variance (n - 1) over components of the cells of each metacell; lower is better.

    SEACells' definition in the diffusion space; NaN for a metacell of one cell.
    """
    count = np.bincount(label).astype(float)
    mean = _means(space, label)
    off = np.zeros((len(count), space.shape[1]))
    np.add.at(off, label, (space - mean[label]) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 1, (off / (count[:, None] - 1)).mean(axis=1), np.nan)


def separation(space: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the distance of each metacell's mean to the nearest other mean (SEACells); higher is better."""
    mean = _means(space, label)
    gap = ((mean[:, None] - mean[None]) ** 2).sum(axis=2) if len(mean) <= 500 else _gaps(mean)
    np.fill_diagonal(gap, np.inf)
    return np.sqrt(gap.min(axis=1))


def _gaps(mean: np.ndarray) -> np.ndarray:
    return np.stack([((mean - one) ** 2).sum(axis=1) for one in mean])


def _means(space: np.ndarray, label: np.ndarray) -> np.ndarray:
    count = np.bincount(label)
    sums = np.stack([np.bincount(label, weights=column) for column in space.T], axis=1)
    return sums / count[:, None]


def purity(label: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the fraction of the most frequent label in each metacell, over labelled cells (0 to 1).

    Parameters
    ----------
    label
        Metacell of each cell.
    truth
        Label of each cell; missing values are ignored.
    """
    table = label_table(label, truth).to_numpy(dtype=float)
    total = table.sum(axis=1)
    return np.divide(table.max(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)


def label_table(label: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Return the number of cells of each label in each metacell, 0..k-1."""
    values = pd.Series(list(truth), dtype=object)
    known = values.notna().to_numpy()
    k = int(label.max()) + 1
    names = sorted(values[known].astype(str).unique())
    codes = pd.Index(names).get_indexer(values[known].astype(str))
    table = np.zeros((k, max(len(names), 1)), dtype=np.int64)
    np.add.at(table, (label[known], codes), 1)
    return pd.DataFrame(table[:, : len(names)], columns=names)


def weighted_purity(label: np.ndarray, truth: np.ndarray) -> float:
    """Return the fraction of cells with the most frequent label of their metacell (0 to 1)."""
    table = label_table(label, truth)
    return float(table.max(axis=1).sum() / max(table.to_numpy().sum(), 1)) if table.shape[1] else float("nan")


def one_batch(label: np.ndarray, batch: Sequence[str] | np.ndarray) -> float:
    """Return the fraction of metacells of which 95 % of the cells or more are of one batch (0 to 1).

    Parameters
    ----------
    label
        Metacell of each cell, 0..k-1.
    batch
        Batch of each cell; a missing one counts as a batch.

    Examples
    --------
    >>> one_batch(np.array([0, 0, 1, 1]), ["a", "a", "a", "b"])
    0.5
    """
    return float((purity(label, np.asarray(batch).astype(str)) >= NEARLY_ALL).mean())


def spread_within(label: np.ndarray, values: np.ndarray) -> float:
    """Return the mean over metacells of a number's standard deviation within them; lower is better."""
    known = np.isfinite(values)
    count = np.bincount(label[known], minlength=int(label.max()) + 1).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(label[known], values[known], minlength=len(count)) / count
        square = np.bincount(label[known], (values[known] - mean[label[known]]) ** 2, minlength=len(count))
        return float(np.nanmean(np.sqrt(square / count)))


def depth_spread(depth: np.ndarray, label: np.ndarray) -> float:
    """Return the coefficient of variation of mean depth over metacells."""
    count = np.bincount(label)
    mean = np.bincount(label, depth) / count
    return float(mean.std() / mean.mean()) if mean.mean() > 0 else float("nan")


def measure(
    label: np.ndarray,
    spaces: dict[str, DiffusionSpace],
    *,
    depths: dict[str, np.ndarray] | None = None,
    labels: dict[str, np.ndarray] | None = None,
    numbers: dict[str, np.ndarray] | None = None,
) -> list[tuple[str, str, float]]:
    """Compute the quality measures of a grouping.

    Parameters
    ----------
    label
        Metacell of each cell, 0..k-1.
    spaces
        Diffusion space by modality.
    depths
        Counts of each cell by modality.
    labels, numbers
        Known labels and numbers of the cells by name, used for evaluation only.

    Returns
    -------
    Rows (metric, modality or column, value): metacells, smallest, largest, size_mean; by modality
    `compactness` and `separation` (mean over metacells, as published), `compactness_guarded` and
    `separation_guarded` (median), `separation_by_compactness` (guarded separation / sqrt(compactness)),
    `parts`, `depth_cv`; by label `purity` (weighted by cells) and `purity_mean` (over metacells); by number
    `sd_within`.
    """
    sizes = np.bincount(label)
    rows = [
        ("metacells", "", float(len(sizes))),
        ("smallest", "", float(sizes.min())),
        ("largest", "", float(sizes.max())),
        ("size_mean", "", float(sizes.mean())),
    ]
    for name, space in spaces.items():
        compact, apart = compactness(space.guarded, label), separation(space.guarded, label)
        compact_median, apart_median = _median(compact), _median(apart)
        ratio = apart_median / np.sqrt(compact_median) if compact_median > 0 else np.nan
        rows += [
            ("compactness", name, _mean(compactness(space.plain, label))),
            ("separation", name, _mean(separation(space.plain, label))),
            ("compactness_guarded", name, compact_median),
            ("separation_guarded", name, apart_median),
            ("separation_by_compactness", name, float(ratio)),
            ("parts", name, float(space.parts)),
        ]
    rows += [("depth_cv", name, depth_spread(depth, label)) for name, depth in (depths or {}).items()]
    for name, truth in (labels or {}).items():
        rows.append(("purity", name, weighted_purity(label, truth)))
        rows.append(("purity_mean", name, _mean(purity(label, truth))))
    rows += [("sd_within", name, spread_within(label, values)) for name, values in (numbers or {}).items()]
    return rows


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float("nan")
