"""Dictionaries of products grown one entry at a time, and the gain of an entry by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.learn import Fit, as_columns, data_products
from panscape.coscape.dictionary.measured import Measured
from panscape.coscape.dictionary.products import (
    PairIndex,
    code_loadings,
    group_products,
    inner_products,
    learn_products,
    step_towards,
    unit_loadings,
)

DISTINCT = 0.2  # maximum cosine of a new entry with earlier ones; larger values repeat the same genes
_CANDIDATES = 12  # number of starting points of the search for an entry
_SEARCH = 6  # iterations of each search
_SWEEPS = 3  # iterations over all entries after each new one
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Growth:
    """Grown dictionary of products.

    Attributes
    ----------
    loadings, codes
        (K, G) and (N, K), entries in the order of their search.
    errors
        (K,) squared error / squared norm of the data after each entry.
    gains
        (K,) fraction of the squared norm that each entry explained of the residual at its search.
    """

    loadings: np.ndarray
    codes: np.ndarray
    errors: np.ndarray
    gains: np.ndarray


def grow_entries(
    data: sparse.spmatrix,
    ends: PairIndex,
    k: int,
    *,
    alpha: float,
    rng: np.random.Generator,
    measured: Measured | None = None,
) -> Growth:
    """Add entries one by one, each fitted to the residual of the earlier ones.

    Each search starts at a gene and its pairs in one pancluster, both sampled by their residual, and
    alternates between codes and loadings of the new entry. The best of twelve candidates with a cosine of at
    most 0.2 with every earlier entry is selected, followed by a few iterations over all entries. Cost per
    entry: a dozen products of the data with twelve columns, and three iterations of :func:`learn_products`.

    Parameters
    ----------
    data
        (N, P) sparse.
    ends
        The pairs' genes.
    k
        Maximum number of entries; fewer if the residual only has networks similar to earlier entries.
    alpha
        Lasso penalty of the codes.
    rng
        Random number generator of the starting points.
    measured
        See :func:`learn_products`.
    """
    data = as_columns(data)
    square = np.asarray(data.multiply(data).sum(axis=1)).ravel()
    loadings, codes = np.zeros((0, ends.n_genes)), np.zeros((len(square), 0))
    errors, gains = [], []
    for _ in range(k):
        candidate = _best(data, square, ends, loadings, codes, rng, measured)
        if candidate is None:
            break
        new, gain = candidate
        start = np.hstack([codes, np.zeros((len(square), 1))])
        loadings = np.vstack([loadings, new])
        options: dict[str, Any] = {"alpha": alpha, "max_iter": _SWEEPS, "tol": 0.0, "measured": measured}
        fit, loadings = learn_products(data, ends, loadings, start, **options)
        target = data_products(data, ends.products(loadings))
        codes = code_loadings(target, loadings, alpha, fit.codes, measured)
        errors.append(fit.error)
        gains.append(gain / square.sum())
    return Growth(loadings, codes, np.array(errors), np.array(gains))


def grown_fit(
    data: sparse.spmatrix,
    ends: PairIndex,
    k: int,
    *,
    alpha: float,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
    measured: Measured | None = None,
) -> Fit:
    """Grow more than k entries, select the k that explain the most, and optimise them to convergence.

    Parameters
    ----------
    data, ends, alpha, rng, measured
        As in :func:`grow_entries`.
    k
        Number of entries, at most.
    max_iter, tol
        See :func:`panscape.coscape.dictionary.products.learn_products`.
    """
    grown = grow_entries(data, ends, k + k // 4 + 2, alpha=alpha, rng=rng, measured=measured)
    amount = (grown.codes**2).sum(axis=0)
    kept = np.sort(np.argsort(-amount, kind="stable")[:k])
    start, codes = grown.loadings[kept], grown.codes[:, kept]
    options: dict[str, Any] = {"alpha": alpha, "max_iter": max_iter, "tol": tol, "measured": measured}
    return learn_products(data, ends, start, codes, **options)[0]


def chance_gain(
    data: sparse.spmatrix,
    ends: PairIndex,
    *,
    alpha: float,
    rng: np.random.Generator,
    repeats: int = 3,
    measured: Measured | None = None,
) -> float:
    """Return the fraction of the squared norm that an entry explains by chance.

    The genes are permuted independently within every pancluster, among the genes that it measures. This
    preserves its number of edges, hubs and groups of genes, but removes networks shared between panclusters.

    Parameters
    ----------
    data, ends, alpha, measured
        As in :func:`grow_entries`.
    rng
        Random number generator of permutations and starts.
    repeats
        Number of repetitions to average.
    """
    first_gains = []
    for _ in range(repeats):
        other, its_ends = _renamed(sparse.csr_matrix(data), ends, rng, measured)
        gains = grow_entries(other, its_ends, 1, alpha=alpha, rng=rng, measured=_at(its_ends, measured)).gains
        first_gains.append(gains[0] if len(gains) else 0.0)
    return float(np.mean(first_gains))


def _at(ends: PairIndex, measured: Measured | None) -> Measured | None:
    """Return the measured pairs of each group for another set of pairs of the same genes."""
    if measured is None:
        return None
    columns = measured.genes[:, ends.first] & measured.genes[:, ends.second]
    return Measured(measured.group, columns, measured.genes)


def _renamed(
    data: sparse.csr_matrix, ends: PairIndex, rng, measured=None
) -> tuple[sparse.csr_matrix, PairIndex]:
    row = np.repeat(np.arange(data.shape[0]), np.diff(data.indptr))
    names = np.tile(np.arange(ends.n_genes), (data.shape[0], 1))
    if measured is None:
        names = rng.permuted(names, axis=1)
    else:
        for group, rows in measured.groups():
            place = np.ix_(rows, np.flatnonzero(measured.genes[group]))
            names[place] = rng.permuted(names[place], axis=1)
    one, two = names[row, ends.first[data.indices]], names[row, ends.second[data.indices]]
    code = np.minimum(one, two).astype(np.int64) * ends.n_genes + np.maximum(one, two)
    pairs, column = np.unique(code, return_inverse=True)
    matrix = sparse.csr_matrix((data.data, (row, column)), shape=(data.shape[0], len(pairs)))
    return matrix, PairIndex(pairs // ends.n_genes, pairs % ends.n_genes, ends.n_genes)


def _best(data, norms, ends: PairIndex, loadings, codes, rng, measured) -> tuple[np.ndarray, float] | None:
    """Return the loadings of the candidate that explains most of the residual, and its gain; or None."""
    entries = ends.products(loadings)
    left = _left(data, norms, entries, loadings, codes, measured)
    if left.sum() <= 0:
        return None
    new = _seeds(data, ends, entries, codes, left, rng)
    for _ in range(_SEARCH):
        alone, _ = _alone(data, ends, loadings, codes, new, measured)
        square = np.maximum((alone**2).sum(axis=0), _TINY)
        cross = np.ascontiguousarray((data.T @ alone).T) / square[:, None]
        weights, fractions = _weights(alone, codes, square, measured)
        for at in range(len(new)):
            groups = None if fractions is None else (fractions[:, at], measured.genes)
            new[at] = step_towards(ends, new[at], cross[at], loadings, weights[at], 2, groups)
        new = unit_loadings(new)
    alone, squares = _alone(data, ends, loadings, codes, new, measured)
    gain = (alone**2 * squares).sum(axis=0)
    if len(loadings):
        gain[inner_products(new, unit_loadings(loadings)).max(axis=1) > DISTINCT] = 0
    best = int(gain.argmax())
    return (new[best], float(gain[best])) if gain[best] > 0 else None


def _seeds(data, ends: PairIndex, entries, codes, left, rng) -> np.ndarray:
    """Return starting loadings (T, G) of genes and their pairs, sampled by residual."""
    rows = rng.choice(len(left), size=_CANDIDATES, p=left / left.sum())
    pick = sparse.csc_matrix((np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=(len(left), len(rows)))
    target = np.maximum((data.T @ pick).toarray().T - codes[rows] @ entries, 0)
    every = np.ones(ends.n_genes)
    loadings = np.zeros((len(rows), ends.n_genes))
    for at, values in enumerate(target):
        weight = ends.times(values**2, every)
        if weight.sum() > 0:
            gene = rng.choice(ends.n_genes, p=weight / weight.sum())
            loadings[at, gene] = 1
            loadings[at] = ends.times(values, loadings[at])
            loadings[at, gene] = loadings[at].max()
    return unit_loadings(loadings)


def _left(data, norms, entries, loadings, codes, measured) -> np.ndarray:
    """Return each pancluster's squared error."""
    if not len(loadings):
        return norms
    fitted = (_times(codes, loadings, loadings, measured) * codes).sum(axis=1)
    return np.maximum(norms - 2 * (data_products(data, entries) * codes).sum(axis=1) + fitted, 0)


def _times(codes, loadings, others, measured) -> np.ndarray:
    """Return codes (N, K) times the inner products of loadings (K, G) and others (L, G), (N, L)."""
    if measured is None:
        return codes @ inner_products(loadings, others)
    result = np.zeros((len(codes), len(others)))
    for group, rows in measured.groups():
        mask = measured.genes[group]
        result[rows] = codes[rows] @ inner_products(loadings * mask, others * mask)
    return result


def _alone(data, ends: PairIndex, loadings, codes, new, measured) -> tuple[np.ndarray, np.ndarray | float]:
    """Return the codes (N, T) of single candidates for the residual of the entries.

    Also returns the squared norms of the candidates over the pairs that each pancluster measures.
    """
    inner = np.maximum(data_products(data, ends.products(new)) - _times(codes, loadings, new, measured), 0)
    if measured is None:
        return inner, 1.0
    squares = np.diagonal(group_products(new, new, measured.genes), axis1=1, axis2=2)[measured.group]
    return np.divide(inner, squares, out=np.zeros_like(inner), where=squares > _TINY), squares


def _weights(alone, codes, square, measured) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the overlap of entries and candidates, (T, K), and the weight of each candidate by group.

    With groups (T, S, K) and (S, T).
    """
    if measured is None:
        return (alone.T @ codes) / square[:, None], None
    n_groups = len(measured.columns)
    weights = np.zeros((alone.shape[1], n_groups, codes.shape[1]))
    fractions = np.zeros((n_groups, alone.shape[1]))
    for group, rows in measured.groups():
        weights[:, group] = (alone[rows].T @ codes[rows]) / square[:, None]
        fractions[group] = (alone[rows] ** 2).sum(axis=0) / square
    return weights, fractions
