"""Scores of restoring a time point or layer that was left out of training, compared with baselines.

The paper compares every restored cell with the mean of every group by Pearson correlation, which cannot
distinguish cells from their mean. Here, energy distance and covariance measure whether restored cells vary
like true ones; scores of true cells against true cells give the upper limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from panscape import seeds
from panscape.unicoord.baselines import Components, Matrix, components
from panscape.unicoord.evaluate import _pearson

Generate = Callable[[np.ndarray], Matrix]
"""Called with rows of the source cells, returns their expression at the value that was left out."""
CEILING = "true cells"
_BLOCK = 1024  # cells whose distances to all others are in memory at a time


@dataclass(frozen=True)
class Restored:
    """Scores of a restored group.

    Attributes
    ----------
    scores
        model, metric, value. Metrics: ``pcc_of_means`` (Pearson of the mean expression with the true mean, -1
        to 1), ``pcc_of_change`` (the same after subtracting the mean of all other groups from both, which is
        low for poor guesses), ``rmse_of_means``, ``mse_over_linear`` (its square over that of the linear
        interpolation), ``e_distance`` and ``covariance_error`` (in principal
        components; 0 is good), ``rank`` (1 if no other group's mean correlates better with the restored mean)
        and ``n`` cells.
    curve
        model, group, pcc_of_means, pcc_of_cells (mean over restored cells), pcc_sd: against the mean of every
        group, the left-out one included.
    """

    scores: pd.DataFrame
    curve: pd.DataFrame


def restore(
    generators: Mapping[str, Generate],
    sources: Matrix,
    groups: ArrayLike,
    truth: Matrix,
    target: float,
    *,
    local: np.ndarray | None = None,
    scales: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType({}),
    n_components: int = 50,
    max_cells: int = 2000,
    seed: int = 0,
) -> Restored:
    """Score restored cells of a left-out group against its true cells, together with baselines.

    Parameters
    ----------
    generators
        Name of the model -> its function.
    sources
        (n, G) log-normalised expression of cells of other groups.
    groups
        (n,) position of each source cell's group (time, layer).
    truth
        (m, G) the left-out group's cells.
    target
        Its position.
    local
        Rows of source cells, e.g. of :func:`panscape.unicoord.local_linear.local_rows`, for the baseline
        ``local-linear``; None leaves it out.
    scales
        Name -> increasing function of positions, for additional baselines ``linear-<name>``.
    n_components
        Principal components (of source and true cells) for distances and covariances.
    max_cells
        Maximum number of cells of each kind that are compared.

    Returns
    -------
    Scores of the models, of ``nearest`` (cells of the nearest group, of both if equally near), ``linear``
    (cells of the two flanking, or nearest two, groups, shifted so that their mean is the linear
    interpolation or extrapolation), ``linear-<scale>`` (linear on another scale), ``local-linear`` (cells
    drawn by the weights of a local linear regression), ``mean`` (cells of all other groups) and ``true
    cells`` (one half against the other: the upper limit).

    Raises
    ------
    ValueError
        If the target is among the groups, or there are fewer than two other groups or four true cells.
    """
    place, scales = np.asarray(groups, dtype=np.float64), {"": np.asarray} | dict(scales)
    if (place == target).any() or len(np.unique(place)) < 2 or truth.shape[0] < 4:
        raise ValueError(
            "restoring needs two other groups, four true cells, and none of them among the sources"
        )
    truth = truth[_sample(truth.shape[0], 2 * max_cells, seed, "truth")]
    means = {float(group): column_means(sources[place == group]) for group in np.unique(place)}
    means[float(target)] = column_means(truth)
    base = np.mean([mean for group, mean in means.items() if group != target], axis=0)
    picked = _sample(sources.shape[0], max_cells, seed, "sources")
    space = components(_stack(sources[picked], truth), n_components)
    halves = np.array_split(seeds.stream(seed, "restore", "halves").permutation(truth.shape[0]), 2)
    scores, curve = [], []
    for model, cells in _candidates(
        generators, sources, place, means, target, local, scales, picked, max_cells, seed
    ):
        scores += _scores(model, cells, truth, means, target, base, space)
        curve.append(_curve(model, cells, means))
    half, other = truth[halves[0]], truth[halves[1]]
    scores += _scores(CEILING, half, other, {**means, target: column_means(other)}, target, base, space)
    curve.append(_curve(CEILING, half, {**means, target: column_means(other)}))
    table = pd.DataFrame(scores, columns=["model", "metric", "value"])
    error = table[table["metric"] == "rmse_of_means"]
    linear = float(error.loc[error["model"] == "linear", "value"].iloc[0])
    share = error.assign(metric="mse_over_linear", value=(error["value"] / max(linear, 1e-12)) ** 2)
    return Restored(pd.concat([table, share], ignore_index=True), pd.concat(curve, ignore_index=True))


def _candidates(
    generators, sources, groups, means, target, local, scales, picked, max_cells, seed
) -> Iterator[tuple[str, Matrix]]:
    """Yield (model, cells) of the models and the baselines."""
    for model, generate in generators.items():
        yield model, generate(picked)
    away = np.abs(groups - target)
    near = np.flatnonzero(np.isclose(away, away.min()))
    yield "nearest", sources[near[_sample(len(near), max_cells, seed, "nearest")]]
    low, high = flanking(np.unique(groups), target)
    rows = np.flatnonzero(np.isin(groups, (low, high)))
    rows = rows[_sample(len(rows), max_cells, seed, "linear")]
    for name, scale in scales.items():
        below, at, above = scale(np.array([low, target, high]))
        share = (at - below) / (above - below)
        goal = (1 - share) * means[low] + share * means[high]
        shift = np.where((groups[rows] == low)[:, None], goal - means[low], goal - means[high])
        yield f"linear-{name}" if name else "linear", _dense(sources[rows]) + shift
    if local is not None:
        yield "local-linear", sources[local]
    yield "mean", sources[picked]


def flanking(groups: ArrayLike, target: float) -> tuple[float, float]:
    """Return the groups just below and above a position, or the two nearest where it lies outside."""
    ordered = np.sort(np.asarray(groups, dtype=np.float64))
    at = int(np.clip(np.searchsorted(ordered, target), 1, len(ordered) - 1))
    return float(ordered[at - 1]), float(ordered[at])


def _scores(model, cells, truth, means, target, base, space: Components) -> list[tuple[str, str, float]]:
    mean, true = column_means(cells), means[target]
    low, reference = space.scores(cells), space.scores(truth)
    correlation = _pearson(mean, true)
    better = sum(_pearson(mean, other) > correlation for group, other in means.items() if group != target)
    values = {
        "pcc_of_means": correlation,
        "pcc_of_change": _pearson(mean - base, true - base),
        "rmse_of_means": float(np.sqrt(((mean - true) ** 2).mean())),
        "e_distance": energy_distance(low, reference),
        "covariance_error": covariance_error(low, reference),
        "rank": 1.0 + better,
        "n": float(cells.shape[0]),
    }
    return [(model, metric, value) for metric, value in values.items()]


def _curve(model: str, cells: Matrix, means: Mapping[float, np.ndarray]) -> pd.DataFrame:
    order = sorted(means)
    of_cells = correlations(cells, np.array([means[group] for group in order]))
    mean = column_means(cells)
    return pd.DataFrame(
        {
            "model": model,
            "group": order,
            "pcc_of_means": [_pearson(mean, means[group]) for group in order],
            "pcc_of_cells": np.nanmean(of_cells, axis=0),
            "pcc_sd": np.nanstd(of_cells, axis=0),
        }
    )


def correlations(cells: Matrix, profiles: np.ndarray) -> np.ndarray:
    """Return (n, T) Pearson correlations of cells (n, G; CSR stays CSR) with profiles (T, G).

    NaN where a cell or profile does not vary.
    """
    profiles = np.asarray(profiles, dtype=np.float64)
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    genes = profiles.shape[1]
    total = np.asarray(cells.sum(axis=1), dtype=np.float64).ravel()
    squares = cells.multiply(cells) if sparse.issparse(cells) else np.square(cells, dtype=np.float64)
    spread = np.asarray(squares.sum(axis=1), dtype=np.float64).ravel() - total**2 / genes
    # profiles are centred, so the cells need not be
    shared = np.asarray(cells @ profiles.T, dtype=np.float64)
    scale = np.sqrt(np.maximum(spread, 0)[:, None] * (profiles**2).sum(axis=1))
    return np.divide(shared, scale, out=np.full(shared.shape, np.nan), where=scale > 0)


def energy_distance(x: Matrix, y: Matrix) -> float:
    """Return the energy distance 2 E|x - y| - E|x - x'| - E|y - y'| of two sets of cells (Euclidean).

    Pairs of a cell with itself are left out, so that two samples of one source give 0 on average (and may
    fall slightly below it) whatever their sizes. Distances are computed for 1,024 cells at a time; CSR
    stays CSR. Székely and Rizzo 2013.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> energy_distance(x, x + 10.0)
    18.0
    """
    n, m = x.shape[0], y.shape[0]
    if n < 2 or m < 2:
        return float("nan")
    within = [_distances(z, z) / (k * (k - 1)) for z, k in ((x, n), (y, m))]
    return float(2 * _distances(x, y) / (n * m) - sum(within))


def _distances(x: Matrix, y: Matrix) -> float:
    """Return the sum of all Euclidean distances between rows."""
    square_x, square_y = _squares(x), _squares(y)
    total = 0.0
    for start in range(0, x.shape[0], _BLOCK):
        block = _dense(x[start : start + _BLOCK])
        square = square_x[start : start + _BLOCK, None] + square_y - 2 * np.asarray(y @ block.T).T
        # rounding makes the distance of a cell to itself slightly larger than 0
        square[square < 1e-10 * (square_x.max(initial=0.0) + square_y.max(initial=0.0))] = 0.0
        total += float(np.sqrt(square).sum())
    return total


def _squares(x: Matrix) -> np.ndarray:
    squares = x.multiply(x) if sparse.issparse(x) else np.square(x, dtype=np.float64)
    return np.asarray(squares.sum(axis=1), dtype=np.float64).ravel()


def covariance_error(x: Matrix, y: Matrix) -> float:
    """Return |cov(x) - cov(y)| / |cov(y)| (Frobenius norm) of cells x and true cells y: 0 is good.

    Identical cells x give 1.
    """
    if x.shape[0] < 2 or y.shape[0] < 2:
        return float("nan")
    true = _covariance(y)
    scale = np.linalg.norm(true)
    return float(np.linalg.norm(_covariance(x) - true) / scale) if scale > 0 else float("nan")


def _covariance(x: Matrix) -> np.ndarray:
    n, mean = x.shape[0], column_means(x)
    x = (
        sparse.csr_matrix(x, dtype=np.float64)
        if sparse.issparse(x)
        else np.asarray(x, dtype=np.float64) - mean
    )
    products = x.T @ x
    if sparse.issparse(products):
        return (products.toarray() - n * np.multiply.outer(mean, mean)) / (n - 1)
    return products / (n - 1)


def column_means(matrix: Matrix) -> np.ndarray:
    """Return (G,) means in float64."""
    return np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel() / max(matrix.shape[0], 1)


def _sample(n: int, max_cells: int, seed: int, what: str) -> np.ndarray:
    if n <= max_cells:
        return np.arange(n)
    return np.sort(seeds.stream(seed, "restore", what).choice(n, max_cells, replace=False))


def _dense(x: Matrix) -> np.ndarray:
    return np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float64)


def _stack(x: Matrix, y: Matrix) -> Matrix:
    if sparse.issparse(x) and sparse.issparse(y):
        return sparse.vstack([x, y], format="csr")
    return np.vstack([_dense(x), _dense(y)])
