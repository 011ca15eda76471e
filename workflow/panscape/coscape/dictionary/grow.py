"""Dictionaries of products grown one entry at a time, and the gain of an entry by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.learn import Fit
from panscape.coscape.dictionary.measured import Measured
from panscape.coscape.dictionary.pair_data import PairData
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.products import (
    code_loadings,
    group_products,
    inner_products,
    learn_products,
    optimise,
    step_towards,
    unit_loadings,
)

DISTINCT = 0.2  # maximum cosine of a new entry with earlier ones; larger values repeat the same genes
_CANDIDATES = 12  # number of starting points of the search for an entry
_DRAWS = 3  # sets of candidates without a distinct one at which growth ends
_SEARCH = 6  # iterations of each search
_EARLY, _FINALISTS = 2, 4  # iterations after which only so many of the candidates go on
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
    steps
        Loadings (k, G) and codes (N, k) after each entry.
    """

    loadings: np.ndarray
    codes: np.ndarray
    errors: np.ndarray
    gains: np.ndarray
    steps: tuple[tuple[np.ndarray, np.ndarray], ...]


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
    alternates between codes and loadings of the new entry. The best of twelve candidates, four of which go on
    after two iterations, with a cosine of at most 0.2 with every earlier entry is selected, followed by a few
    iterations over all entries. Cost per entry: some forty updates of a single entry, and three iterations of
    :func:`learn_products`.

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
    pairs = PairData.of(data, ends)
    square = np.asarray(pairs.data.multiply(pairs.data).sum(axis=1)).ravel()
    rows = sparse.csr_matrix(pairs.data)
    loadings, codes = np.zeros((0, ends.n_genes)), np.zeros((len(square), 0))
    errors, gains, steps = [], [], []
    options: dict[str, Any] = {"alpha": alpha, "max_iter": _SWEEPS, "tol": 0.0, "measured": measured}
    for _ in range(k):
        draws = (_best(pairs, rows, square, loadings, codes, rng, measured) for _ in range(_DRAWS))
        candidate = next((draw for draw in draws if draw is not None), None)
        if candidate is None:
            break
        new, gain = candidate
        start = np.hstack([codes, np.zeros((len(square), 1))])
        loadings, codes, _, squared = optimise(pairs, np.vstack([loadings, new]), start, **options)
        codes = code_loadings(pairs.products(loadings), loadings, alpha, codes, measured)
        errors.append(squared / square.sum())
        gains.append(gain / square.sum())
        steps.append((loadings, codes))
    return Growth(loadings, codes, np.array(errors), np.array(gains), tuple(steps))


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
    norm: float | None = None,
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
        Random number generator of the permutation and the starts.
    norm
        Squared norm of which the fraction is taken; that of the data if None.
    """
    data = sparse.csr_matrix(data)
    other, its_ends = _renamed(data, ends, rng, measured)
    gains = grow_entries(other, its_ends, 1, alpha=alpha, rng=rng, measured=_at(its_ends, measured)).gains
    square = float(data.data @ data.data)
    return float(gains[0] * square / (norm or square)) if len(gains) else 0.0


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


def _best(
    pairs: PairData, rows: sparse.csr_matrix, norms, loadings, codes, rng, measured
) -> tuple[np.ndarray, float] | None:
    """Return the loadings of the candidate that explains most of the residual, and its gain; or None."""
    left = _left(pairs, norms, loadings, codes, measured)
    if left.sum() <= 0:
        return None
    new = _seeds(rows, pairs.ends, loadings, codes, left, rng)
    for turn in range(_SEARCH):
        alone, squares = _alone(pairs, loadings, codes, new, measured)
        if turn == _EARLY:
            most = np.argsort(-_gains(alone, squares, new, loadings), kind="stable")[:_FINALISTS]
            new, alone = new[most], alone[:, most]
        square = np.maximum((alone**2).sum(axis=0), _TINY)
        weights, fractions = _weights(alone, codes, square, measured)
        for at in range(len(new)):
            groups = None if fractions is None else (fractions[:, at], measured.genes)
            pull = pairs.pull(alone[:, at] / square[at])
            new[at] = step_towards(pull, new[at], loadings, weights[at], 2, groups)
        new = unit_loadings(new)
    alone, squares = _alone(pairs, loadings, codes, new, measured)
    gain = _gains(alone, squares, new, loadings)
    best = int(gain.argmax())
    return (new[best], float(gain[best])) if gain[best] > 0 else None


def _gains(
    alone: np.ndarray, squares: np.ndarray | float, new: np.ndarray, loadings: np.ndarray
) -> np.ndarray:
    """Return what each candidate explains; 0 if it is too similar to an entry."""
    gain = (alone**2 * squares).sum(axis=0)
    if len(loadings):
        gain[inner_products(new, unit_loadings(loadings)).max(axis=1) > DISTINCT] = 0
    return gain


def _seeds(data: sparse.csr_matrix, ends: PairIndex, loadings, codes, left, rng) -> np.ndarray:
    """Return starting loadings (T, G) of genes and their pairs, sampled by residual."""
    rows = rng.choice(len(left), size=_CANDIDATES, p=left / left.sum())
    every = np.ones(ends.n_genes)
    seeds = np.zeros((len(rows), ends.n_genes))
    for at, row in enumerate(rows):
        # entries only lower the residual, so that it is positive at pairs with a value only
        part = slice(data.indptr[row], data.indptr[row + 1])
        stored = ends.at(data.indices[part])
        values = data.data[part].copy()
        for k in np.flatnonzero(codes[row]):
            values -= codes[row, k] * stored.products(loadings[k])
        np.maximum(values, 0, out=values)
        weight = stored.times(values**2, every)
        if weight.sum() > 0:
            gene = rng.choice(ends.n_genes, p=weight / weight.sum())
            seeds[at, gene] = 1
            seeds[at] = stored.times(values, seeds[at])
            seeds[at, gene] = seeds[at].max()
    return unit_loadings(seeds)


def _left(pairs: PairData, norms, loadings, codes, measured) -> np.ndarray:
    """Return each pancluster's squared error."""
    if not len(loadings):
        return norms
    fitted = (_times(codes, loadings, loadings, measured) * codes).sum(axis=1)
    return np.maximum(norms - 2 * (pairs.products(loadings) * codes).sum(axis=1) + fitted, 0)


def _times(codes, loadings, others, measured) -> np.ndarray:
    """Return codes (N, K) times the inner products of loadings (K, G) and others (L, G), (N, L)."""
    if measured is None:
        return codes @ inner_products(loadings, others)
    result = np.zeros((len(codes), len(others)))
    for group, rows in measured.groups():
        mask = measured.genes[group]
        result[rows] = codes[rows] @ inner_products(loadings * mask, others * mask)
    return result


def _alone(pairs: PairData, loadings, codes, new, measured) -> tuple[np.ndarray, np.ndarray | float]:
    """Return the codes (N, T) of single candidates for the residual of the entries.

    Also returns the squared norms of the candidates over the pairs that each pancluster measures.
    """
    inner = np.maximum(pairs.products(new) - _times(codes, loadings, new, measured), 0)
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
