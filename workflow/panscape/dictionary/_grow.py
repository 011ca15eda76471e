"""Dictionaries of products grown one entry at a time, and what entries explain by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.dictionary._learn import Fit, as_columns, product
from panscape.dictionary._products import Ends, inner_products, learn_products, towards, unit

DISTINCT = 0.2  # largest cosine of a new entry with those before: more is the same genes once again
_CANDIDATES = 12  # places from which each entry is searched
_SEARCH = 6  # rounds of each search
_SWEEPS = 3  # iterations over all entries after each new one
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Growth:
    """A dictionary of products after its last entry.

    Attributes
    ----------
    loadings, codes
        (K, G) and (N, K), entries in the order they were found.
    errors
        (K,) squared error / squared norm of the data after each entry.
    gains
        (K,) share of the squared norm that each entry explained of what was left when it was found.
    """

    loadings: np.ndarray
    codes: np.ndarray
    errors: np.ndarray
    gains: np.ndarray


def grow(data: sparse.spmatrix, ends: Ends, k: int, *, alpha: float, rng: np.random.Generator) -> Growth:
    """Find entries one after the other in what those before leave unexplained.

    Each search starts at a gene and its pairs in one pancluster, both drawn by what is left there, and
    alternates between codes and loadings of the new entry alone; the best of twelve is taken, of those whose
    cosine with every entry before is at most .2. A few iterations over all entries follow. Cost per entry: a
    dozen products of the data with twelve columns, and three iterations of :func:`learn_products`.

    Parameters
    ----------
    data
        (N, P) sparse.
    ends
        The pairs' genes.
    k
        At most this many; fewer if all that is left is alike to entries there are.
    alpha
        Lasso penalty of the codes.
    rng
        Draws the places.
    """
    data = as_columns(data)
    own = np.asarray(data.multiply(data).sum(axis=1)).ravel()
    loadings, codes = np.zeros((0, ends.n_genes)), np.zeros((len(own), 0))
    errors, gains = [], []
    for _ in range(k):
        found = _best(data, own, ends, loadings, codes, rng)
        if found is None:
            break
        new, gain = found
        start = np.hstack([codes, np.zeros((len(own), 1))])
        loadings = np.vstack([loadings, new])
        fit, loadings = learn_products(data, ends, loadings, start, alpha=alpha, max_iter=_SWEEPS, tol=0.0)
        codes = _codes(data, ends, loadings, alpha, fit.codes)
        errors.append(fit.error)
        gains.append(gain / own.sum())
    return Growth(loadings, codes, np.array(errors), np.array(gains))


def grown_fit(
    data: sparse.spmatrix,
    ends: Ends,
    k: int,
    *,
    alpha: float,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
) -> Fit:
    """Grow more entries than asked, keep the k that explain most, and let them settle."""
    grown = grow(data, ends, k + k // 4 + 2, alpha=alpha, rng=rng)
    amount = (grown.codes**2).sum(axis=0)
    kept = np.sort(np.argsort(-amount, kind="stable")[:k])
    start, codes = grown.loadings[kept], grown.codes[:, kept]
    return learn_products(data, ends, start, codes, alpha=alpha, max_iter=max_iter, tol=tol)[0]


def chance_gain(
    data: sparse.spmatrix, ends: Ends, *, alpha: float, rng: np.random.Generator, repeats: int = 3
) -> float:
    """Return the share of the square that an entry explains where panclusters share no network.

    In every pancluster on its own the genes are given each other's names: it keeps its number of edges, its
    hubs and its groups of genes, but those of different panclusters have nothing to do with each other.

    Parameters
    ----------
    data, ends, alpha
        As in :func:`grow`.
    rng
        Draws names and starts.
    repeats
        Mean over this many.
    """
    found = []
    for _ in range(repeats):
        other, its_ends = _renamed(sparse.csr_matrix(data), ends, rng)
        gains = grow(other, its_ends, 1, alpha=alpha, rng=rng).gains
        found.append(gains[0] if len(gains) else 0.0)
    return float(np.mean(found))


def _renamed(data: sparse.csr_matrix, ends: Ends, rng) -> tuple[sparse.csr_matrix, Ends]:
    row = np.repeat(np.arange(data.shape[0]), np.diff(data.indptr))
    names = rng.permuted(np.tile(np.arange(ends.n_genes), (data.shape[0], 1)), axis=1)
    one, two = names[row, ends.first[data.indices]], names[row, ends.second[data.indices]]
    code = np.minimum(one, two).astype(np.int64) * ends.n_genes + np.maximum(one, two)
    pairs, column = np.unique(code, return_inverse=True)
    matrix = sparse.csr_matrix((data.data, (row, column)), shape=(data.shape[0], len(pairs)))
    return matrix, Ends(pairs // ends.n_genes, pairs % ends.n_genes, ends.n_genes)


def _codes(data, ends: Ends, loadings: np.ndarray, alpha: float, start: np.ndarray) -> np.ndarray:
    from panscape.dictionary._coding import encode

    return encode(inner_products(loadings, loadings), product(data, ends.products(loadings)), alpha, start)


def _best(data, own, ends: Ends, loadings, codes, rng) -> tuple[np.ndarray, float] | None:
    """Return the loadings of the candidate that explains most of what is left, and how much; or None."""
    entries = ends.products(loadings)
    left = _left(data, own, entries, loadings, codes)
    if left.sum() <= 0:
        return None
    new = _seeds(data, ends, entries, codes, left, rng)
    for _ in range(_SEARCH):
        alone = _alone(data, ends, loadings, codes, new)
        square = np.maximum((alone**2).sum(axis=0), _TINY)
        cross = np.ascontiguousarray((data.T @ alone).T) / square[:, None]
        weights = (alone.T @ codes) / square[:, None]
        for at in range(len(new)):
            new[at] = towards(ends, new[at], cross[at], loadings, weights[at], 2)
        new = unit(new)
    gain = (_alone(data, ends, loadings, codes, new) ** 2).sum(axis=0)
    if len(loadings):
        gain[inner_products(new, unit(loadings)).max(axis=1) > DISTINCT] = 0
    best = int(gain.argmax())
    return (new[best], float(gain[best])) if gain[best] > 0 else None


def _seeds(data, ends: Ends, entries, codes, left, rng) -> np.ndarray:
    """Return loadings (T, G) of a gene and its pairs, drawn by what is left of panclusters and genes."""
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
    return unit(loadings)


def _left(data, own, entries, loadings, codes) -> np.ndarray:
    """Return each pancluster's squared error."""
    if not len(loadings):
        return own
    fitted = ((codes @ inner_products(loadings, loadings)) * codes).sum(axis=1)
    return np.maximum(own - 2 * (product(data, entries) * codes).sum(axis=1) + fitted, 0)


def _alone(data, ends: Ends, loadings, codes, new) -> np.ndarray:
    """Return the codes (N, T) of candidates, each on its own, for what the entries leave."""
    return np.maximum(product(data, ends.products(new)) - codes @ inner_products(loadings, new), 0)
