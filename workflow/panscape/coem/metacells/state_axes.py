"""Axes along which the states of cells differ, seen in two independent halves of each cell's counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape import seeds
from panscape.coem.metacells.embed import log_normalised, variable_genes
from panscape.graph.spectral import kmeans
from panscape.stats.decomposition import symmetric_eigen
from panscape.stats.pca import principal_components
from panscape.stats.threads import limited

FEATURES = 2000  # the most variable ones are used
COMPONENTS = 50  # principal components in which axes are sought
STATE_COMPONENTS = 30  # of these, in which cells are clustered into states
STATES = (8, 12, 16, 24)  # clusterings whose mean stands for the states, whose true number is unknown
STARTS = 2  # clusterings of each number
AXES = 10
THINNINGS = 4  # random splits of the counts, over which covariances are averaged
EXCHANGES = 99  # of the halves of counts between cells, none of which may carry as much common signal
FLOOR = 0.2  # of the mean variance within states: less counts as this much
SMALLEST_STATE = 20  # cells per state and per component: small samples have fewer of both
FEWEST = 10  # cells or features: with fewer there are no axes
NEIGHBOURHOODS, NEIGHBOURS, RESOLVED = 200, 20, 0.75


@dataclass(frozen=True)
class StateAxes:
    """Cells along axes on which states differ, in halves of their counts.

    Attributes
    ----------
    halves
        float64, thinnings x 2 x cells x axes. Counting noise of the two halves of a thinning is independent;
        their covariance over all cells is 1 along each axis.
    weight
        (axes,), sum 1: in proportion to the square root of the ratio of an axis' total variance to that
        within states.
    depth
        (cells,): logarithm of the total counts.
    resolved
        What the data resolve: upper quartile, over neighbourhoods of 20 cells in the principal components, of
        :func:`left_within`. Groups of cells are hardly more homogeneous than these.
    """

    halves: np.ndarray
    weight: np.ndarray
    depth: np.ndarray
    resolved: float


def state_axes(
    counts: sparse.csr_matrix,
    *,
    states: Sequence[int] = STATES,
    axes: int = AXES,
    seed: int = 0,
) -> StateAxes:
    """Find the axes along which the states of cells differ most, relative to the variation within states.

    States are clusters of the leading principal components (k-means, several numbers of clusters). Each count
    is split at random into two halves, whose covariance is free of counting noise; axes maximise the ratio of
    the total covariance of halves to that within states, as in linear discriminant analysis. The common slope
    on depth within states is removed first.

    Parameters
    ----------
    counts
        CSR raw counts, cells x genes (or peaks).
    states
        Numbers of states, over whose clusterings the covariance within states is averaged.
    axes
        Number of axes; fewer if fewer carry signal.
    seed
        Seed of states and splits.

    Returns
    -------
    StateAxes; without axes if no axis carries signal.

    Raises
    ------
    ValueError
        If a count is negative or not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rate = np.repeat(rng.gamma(1.0, 2.0, (2, 60)), 50, axis=0)
    >>> found = state_axes(sparse.csr_matrix(rng.poisson(rate)), states=(2,), axes=1)
    >>> found.halves.shape, found.weight
    ((4, 2, 100, 1), array([1.]))
    """
    counts = sparse.csr_matrix(counts)
    if not (np.isfinite(counts.data) & (counts.data >= 0)).all():
        raise ValueError("counts are negative or not finite")
    n = counts.shape[0]
    columns = variable_genes(counts, FEATURES)
    nothing = StateAxes(np.zeros((THINNINGS, 2, n, 0)), np.zeros(0), np.zeros(n), float("nan"))
    if min(n, len(columns)) < FEWEST:
        return nothing
    values = log_normalised(counts)[:, columns]
    depth = np.log(np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1))
    with limited(1):
        if not _structured(counts, values, columns, depth, seed):
            return nothing
        found = principal_components(values, _components(n, len(columns)))
        place = found.scores[:, :STATE_COMPONENTS]
        halves = np.stack(
            [
                [log_normalised(half)[:, columns] @ found.axes for half in _split(counts, seed, at)]
                for at in range(THINNINGS)
            ]
        )
        clusterings = _clusterings(place, states, seed)
        halves = _without_slope(halves, depth, clusterings[-1])
        inside = np.mean([within(halves, state) for state in clusterings], axis=0)
        turn, weight = _discriminant(covariance(halves, n - 1), inside, axes)
        halves = halves @ turn
    return StateAxes(halves, weight, depth, _resolved(halves, weight, depth, place, seed))


def _components(cells: int, features: int) -> int:
    return min(max(min(COMPONENTS, cells // SMALLEST_STATE), 2), cells - 1, features - 1)


def _structured(
    counts: sparse.csr_matrix, values: sparse.csr_matrix, columns: np.ndarray, depth: np.ndarray, seed: int
) -> bool:
    """Return whether axes found in half of the cells have a signal in the others, beyond their depth.

    In the same cells, axes follow the counting noise of both halves of the counts and seem to have one.
    """
    rng = seeds.stream(seed, "structure")
    order = rng.permutation(len(depth))
    fit, rest = np.sort(order[::2]), np.sort(order[1::2])
    axes = principal_components(values[fit], min(AXES, _components(*values[fit].shape))).axes
    scores = [log_normalised(half)[:, columns][rest] @ axes for half in _split(counts, seed, 0)]
    first, second = _without_depth(np.stack(scores), depth[rest])
    null = max(float((first * second[rng.permutation(len(rest))]).sum()) for _ in range(EXCHANGES))
    return float((first * second).sum()) > null


def _clusterings(place: np.ndarray, states: Sequence[int], seed: int) -> list[np.ndarray]:
    """Return clusterings of the cells into each number of states."""
    numbers = [max(min(number, len(place) // SMALLEST_STATE), 2) for number in states]
    return [
        kmeans(place, number, seeds.derive(seed, "states", at, start), starts=3)
        for at, number in enumerate(numbers)
        for start in range(STARTS)
    ]


def _split(counts: sparse.csr_matrix, seed: int, at: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return a random half of the counts, drawn one by one, and the rest."""
    first, second = counts.astype(np.float32), counts.astype(np.float32)
    whole = np.rint(counts.data).astype(np.int64)
    first.data = seeds.stream(seed, "thinning", at).binomial(whole, 0.5).astype(np.float32)
    second.data = (whole - first.data).astype(np.float32)
    return first, second


def _without_slope(halves: np.ndarray, depth: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Centre scores and remove their common slope on depth within states: states may differ in depth."""
    count = np.bincount(state)
    slope = depth - (np.bincount(state, depth) / count)[state]
    fitted = np.einsum("n,thnd->thd", slope, halves) / max(float(slope @ slope), 1e-9)
    centred = depth - depth.mean()
    for at, half in np.ndindex(halves.shape[:2]):  # in place: they are the largest array of a sample
        halves[at, half] -= np.outer(centred, fitted[at, half])
        halves[at, half] -= halves[at, half].mean(axis=0)
    return halves


def _without_depth(halves: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return residuals of scores from a parabola in depth, on which logarithms of counts depend."""
    centred = depth - depth.mean()
    basis = np.linalg.qr(np.stack([np.ones_like(centred), centred, centred**2], axis=1))[0]
    return halves - np.einsum("nb,hbd->hnd", basis, np.einsum("nb,hnd->hbd", basis, halves))


def covariance(halves: np.ndarray, freedom: float) -> np.ndarray:
    """Return the covariance between halves, symmetric, averaged over thinnings: noise cancels.

    Parameters
    ----------
    halves
        Thinnings x 2 x cells x axes, centred.
    freedom
        Degrees of freedom by which sums of products are divided.
    """
    product = np.einsum("tnd,tne->de", halves[:, 0], halves[:, 1]) / (len(halves) * max(freedom, 1))
    return (product + product.T) / 2


def within(halves: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the covariance between halves within groups of cells, pooled.

    Parameters
    ----------
    halves
        Thinnings x 2 x cells x axes.
    group
        Group of each cell, 0..k-1, none empty.
    """
    count = np.bincount(group)
    member = sparse.csr_matrix((np.ones(len(group)), (group, np.arange(len(group)))))
    sums = np.stack([[member @ half for half in pair] for pair in halves]) / np.sqrt(count)[:, None]
    return covariance(halves, len(group) - len(count)) - covariance(sums, len(group) - len(count))


def left_within(halves: np.ndarray, weight: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return the two factors of the variation between states that is left within a group of cells.

    It is the group's variance along the axes, free of counting noise, relative to that of all cells: a
    weighted mean over axes. Differences that follow the cells' depth are regressed out.

    Parameters
    ----------
    halves
        Thinnings x 2 x cells x axes, the cells of the group.
    weight
        Weight of each axis.
    depth
        Logarithm of the cells' total counts.

    Returns
    -------
    (2, thinnings, cells, axes): the halves centred, corrected for depth and scaled such that the sum of their
    product over all but the first dimension is the variation left within.
    """
    centred, slope = halves - halves.mean(axis=2, keepdims=True), depth - depth.mean()
    square = float(slope @ slope)
    if square > 1e-9:
        fitted = np.einsum("n,thnd->thd", slope, centred) / square
        centred = centred - slope[:, None] * fitted[:, :, None]
    scale = np.sqrt(weight / (len(halves) * max(len(depth) - 2, 1)))
    return np.moveaxis(centred * scale, 1, 0)


def _resolved(halves, weight, depth, place, seed: int) -> float:
    """Return the upper quartile of the variation left within neighbourhoods of cells."""
    if not len(weight):
        return float("nan")
    rng, n = seeds.stream(seed, "neighbourhoods"), len(place)
    square = (place**2).sum(axis=1)
    found = []
    for cell in np.sort(rng.choice(n, min(NEIGHBOURHOODS, n), replace=False)):
        near = np.argsort(square - 2 * place @ place[cell], kind="stable")[:NEIGHBOURS]
        first, second = left_within(halves[:, :, near], weight, depth[near])
        found.append(float((first * second).sum()))
    return float(np.quantile(found, RESOLVED))


def _discriminant(total: np.ndarray, inside: np.ndarray, axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the axes of largest ratio of total to within-state variance, scaled to total variance 1."""
    variance, vectors = symmetric_eigen(inside)
    variance = np.maximum(variance, 0)
    floor = max(FLOOR * variance.mean(), 1e-12 * max(np.trace(total), 0), 1e-300)
    whitened = vectors / np.sqrt(variance + floor)
    ratio, turn = symmetric_eigen(whitened.T @ total @ whitened, axes)
    turn, ratio = (whitened @ turn)[:, ratio > 0], ratio[ratio > 0]
    weight = np.maximum(1 - 1 / ratio, 0) * np.sqrt(ratio)
    return turn / np.sqrt(ratio), weight / max(weight.sum(), 1e-300)
