"""Score nested groupings at several sizes of metacells (size sweep)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.coem.metacells.enforce_sizes import centres, renumber
from panscape.coem.metacells.group import GroupSettings, group_cells
from panscape.coem.metacells.homogeneity import homogeneity
from panscape.coem.metacells.state_axes import StateAxes, state_axes

STABILITY_CELLS = 20_000  # maximum number of cells of a repetition


def merge_metacells(label: np.ndarray, z: np.ndarray, numbers: Sequence[int]) -> list[np.ndarray]:
    """Merge metacells stepwise and return the groupings into the given numbers of metacells.

    Ward's criterion on the metacells' centres, weighted by their numbers of cells: the pair whose union
    increases the variance within metacells by the smallest amount is merged. Groupings are nested.

    Parameters
    ----------
    label
        Finest grouping, 0..k-1.
    z
        Embedding, cells x dimensions.
    numbers
        Target numbers of metacells, each at most k.

    Returns
    -------
    One array of labels per number, numbered by first cell.
    """
    mean, count = centres(label, np.asarray(z, dtype=float))
    merges = _ward(mean, count.astype(float))
    k = len(count)
    result = []
    for number in numbers:
        parent = np.arange(2 * k - 1)
        for step, (a, b, _) in enumerate(merges[: k - number]):
            parent[a] = parent[b] = k + step
        top = np.arange(k)
        while (parent[top] != top).any():
            top = parent[top]
        result.append(renumber(top[label]))
    return result


def _ward(mean: np.ndarray, weight: np.ndarray) -> list[tuple[int, int, float]]:
    """Return merges (node, node, cost) by increasing cost; merges create the nodes k, k+1 ... in order.

    The nearest-neighbor chain algorithm needs one row of distances in memory.
    """
    k = len(weight)
    mean, weight = mean.copy(), weight.copy()
    node, alive = np.arange(k), np.ones(k, dtype=bool)
    chain: list[int] = []
    merges: list[tuple[float, int, int]] = []
    for step in range(k - 1):
        if not chain:
            chain.append(int(np.argmax(alive)))
        while True:
            tip = chain[-1]
            cost = weight * weight[tip] / (weight + weight[tip]) * ((mean - mean[tip]) ** 2).sum(axis=1)
            cost[~alive] = np.inf
            cost[tip] = np.inf
            best = int(np.argmin(cost))
            if len(chain) > 1 and cost[chain[-2]] <= cost[best]:
                best = chain[-2]
                break
            chain.append(best)
        a, b = chain.pop(), chain.pop()
        merges.append((float(cost[best]), int(node[a]), int(node[b])))
        total = weight[a] + weight[b]
        mean[a] = (mean[a] * weight[a] + mean[b] * weight[b]) / total
        weight[a], alive[b] = total, False
        node[a] = k + step
    return _by_cost(merges, k)


def _by_cost(merges: list[tuple[float, int, int]], k: int) -> list[tuple[int, int, float]]:
    """Sort the merges of a chain by cost and renumber their nodes."""
    order = sorted(range(len(merges)), key=lambda step: (merges[step][0], step))
    place = {k + step: k + at for at, step in enumerate(order)}
    return [(place.get(a, a), place.get(b, b), cost) for cost, a, b in (merges[step] for step in order)]


def size_sweep(
    z: np.ndarray,
    cells_per_metacell: Sequence[float],
    settings: GroupSettings | dict[str, Any] | None = None,
    *,
    counts: dict[str, sparse.csr_matrix] | None = None,
    repeats: int = 2,
    seed: int = 0,
    threads: int = 1,
) -> tuple[pd.DataFrame, dict[int, np.ndarray]]:
    """Group cells at several sizes and score each grouping without labels.

    The smallest metacells come from spectral clustering; the larger ones are unions of them.

    Parameters
    ----------
    z
        Embedding, cells x dimensions.
    cells_per_metacell
        Mean sizes to try.
    settings
        See :class:`GroupSettings`.
    counts
        Raw counts by modality (``rna``, ``atac``), cells x features, for homogeneity and sparsity.
    repeats
        Number of groupings of random subsamples (80 % of the cells, at most 20,000) for the stability.
    seed
        Seed of all random steps.
    threads
        Threads of the exact neighbor search.

    Returns
    -------
    table
        k, cells_per_metacell, smallest, largest, explained (fraction of the embedding's variance between
        metacells), stability (adjusted Rand index with groupings of samples), dubious (fraction of the
        judged metacells, mean over modalities; NaN if none is judged), zeros (fraction of the metacells x
        features that are 0, over features in at least 1 % of the cells), score = 1 - (dubious + zeros) / 2,
        recommended (the largest score; the largest stability if nothing is judged). Rows by increasing k.
    labels
        k -> labels.
    """
    settings = GroupSettings.of(settings)
    n = len(z)
    numbers = sorted({min(max(round(n / size), 2), max(n // 5, 2)) for size in cells_per_metacell})
    finest = group_cells(z, numbers[-1], settings, seed=seed, threads=threads)
    numbers = sorted({min(number, finest.k) for number in numbers})
    labels = dict(zip(numbers, merge_metacells(finest.label, z, numbers), strict=True))
    again = _repeats(z, numbers, settings, repeats, seed, threads)
    total = float(((z - z.mean(axis=0)) ** 2).sum())
    axes = {name: state_axes(matrix, seed=seed) for name, matrix in (counts or {}).items()}
    rows = []
    for number, label in labels.items():
        sizes = np.bincount(label)
        rows.append(
            {
                "k": number,
                "cells_per_metacell": n / number,
                "smallest": int(sizes.min()),
                "largest": int(sizes.max()),
                "explained": 1 - _within(label, z) / total if total > 0 else np.nan,
                "stability": _agreement(label, again, numbers.index(number)),
                **_measures(counts or {}, axes, label, seed),
            }
        )
    table = pd.DataFrame(rows)
    table["score"] = 1 - (table["dubious"] + table["zeros"]) / 2
    best = table["score"] if table["score"].notna().any() else table["stability"]
    table["recommended"] = np.arange(len(table)) == int(np.argmax(best.fillna(-1)))
    return table, labels


def _within(label: np.ndarray, z: np.ndarray) -> float:
    mean, _ = centres(label, np.asarray(z, dtype=float))
    return float(((z - mean[label]) ** 2).sum())


def _repeats(z, numbers, settings, repeats: int, seed: int, threads: int) -> list[tuple[np.ndarray, list]]:
    """Group random subsamples of the cells; return (rows, groupings by number) of each."""
    groupings = []
    for at in range(repeats):
        size = min(int(0.8 * len(z)), STABILITY_CELLS)
        rows = np.sort(seeds.stream(seed, "stability", at).choice(len(z), size, replace=False))
        scaled = [max(round(number * size / len(z)), 2) for number in numbers]
        fine = group_cells(
            z[rows], scaled[-1], settings, seed=seeds.derive(seed, "repeat", at), threads=threads
        )
        groupings.append(
            (rows, merge_metacells(fine.label, z[rows], [min(number, fine.k) for number in scaled]))
        )
    return groupings


def _agreement(label: np.ndarray, again: list[tuple[np.ndarray, list]], at: int) -> float:
    from sklearn.metrics import adjusted_rand_score

    scores = [adjusted_rand_score(label[rows], groupings[at]) for rows, groupings in again]
    return float(np.mean(scores)) if scores else float("nan")


def _measures(
    counts: dict[str, sparse.csr_matrix], axes: dict[str, StateAxes], label: np.ndarray, seed: int
) -> dict[str, float]:
    dubious, zeros = [], []
    for name, matrix in counts.items():
        scores = homogeneity(axes[name], label, seed=seed).dropna(subset="heterogeneity")
        dubious.append(float(scores["dubious"].mean()))
        zeros.append(zero_fraction(matrix, label))
    return {"dubious": _mean(dubious), "zeros": _mean(zeros)}


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def zero_fraction(counts: sparse.csr_matrix, label: np.ndarray, *, min_fraction: float = 0.01) -> float:
    """Return the fraction of metacells x features that are 0.

    Only features in at least `min_fraction` of the cells count; NaN without any.

    Parameters
    ----------
    counts
        CSR, cells x features.
    label
        Metacell of each cell, 0..k-1.
    min_fraction
        Minimum fraction of the cells with the feature.
    """
    n = counts.shape[0]
    chosen = np.flatnonzero(np.bincount(counts.indices, minlength=counts.shape[1]) >= min_fraction * n)
    if not len(chosen):
        return float("nan")
    k = int(label.max()) + 1
    member = sparse.csr_matrix((np.ones(n, dtype=np.float32), (label, np.arange(n))), shape=(k, n))
    sums = sparse.csr_matrix(member @ counts[:, chosen])
    return 1 - sums.nnz / (k * len(chosen))
