"""Entries as groups of genes: the weight of an edge is the product of its genes' loadings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.coding import lasso_codes
from panscape.coscape.dictionary.learn import Fit, entry_codes
from panscape.coscape.dictionary.measured import Measured, code_products, encode_groups
from panscape.coscape.dictionary.pair_data import PairData
from panscape.coscape.dictionary.pair_index import PairIndex

SMALLEST = 0.05  # smaller loadings, relative to the largest of the entry, are set to 0
_STEPS = 3  # damped steps of an update
_TINY = np.finfo(float).tiny


def inner_products(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return the inner products (K, L), over all pairs of genes, of the products of (K, G) and (L, G)."""
    return ((one @ two.T) ** 2 - one**2 @ (two**2).T) / 2


def group_products(one: np.ndarray, two: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Return (S, K, L): :func:`inner_products` over the pairs of genes (S, G) that each group measures.

    Parameters
    ----------
    one, two
        (K, G) and (L, G) loadings.
    genes
        bool (S, G): genes that each group measures.
    """
    return np.array([inner_products(one * mask, two * mask) for mask in genes])


def unit_loadings(loadings: np.ndarray, max_norm: float = 0.0) -> np.ndarray:
    """Return loadings (..., G) whose products have norm 1 over all pairs; norms up to `max_norm` stay."""
    square = ((loadings**2).sum(axis=-1) ** 2 - (loadings**4).sum(axis=-1)) / 2
    length = np.sqrt(np.maximum(square, 0))
    return loadings / np.sqrt(np.where(length > max(max_norm, _TINY), length, 1))[..., None]


def step_towards(
    data_pull: Callable[[np.ndarray], np.ndarray],
    loadings: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    steps: int,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Move the loadings of one entry towards their optimum given the others.

    The target is the data at the pairs and 0 at all others, less the products of `others` times `weights`.
    Each step solves for every gene's loading with the other genes' fixed, with damping by one half; loadings
    below :data:`SMALLEST` times the largest become 0.

    Parameters
    ----------
    data_pull
        Product of the target's symmetric matrix, before `others` are subtracted, with loadings (G,).
    loadings
        (G,) non-negative.
    others, weights
        (L, G) and (L,); (S, L) with groups.
    steps
        Number of steps.
    groups
        If not all panclusters measure all genes: (fractions, genes), (S,) and bool (S, G): fraction of the
        target's weight in each group of panclusters, and the genes that it measures. Products of other genes
        are excluded.

    Returns
    -------
    (G,), the better of the start and the last step, scaled to the target.
    """
    own = weights @ others**2 if groups is None else 0.0

    def pull(vector: np.ndarray) -> np.ndarray:
        if groups is None:
            part = weights * (others @ vector)
            return data_pull(vector) - part @ others + vector * own
        total = data_pull(vector)
        for weight, mask in zip(weights, groups[1], strict=True):
            near = others * mask
            total += vector * (weight @ near**2) - (weight * (near @ vector)) @ near
        return total

    def reach(vector: np.ndarray) -> np.ndarray:
        """Return the squared norm of each gene's products with all others, without its own loading."""
        if groups is None:
            return vector @ vector - vector**2
        square = vector**2
        return sum(fraction * mask * (square @ mask - square) for fraction, mask in zip(*groups, strict=True))

    def explained(vector: np.ndarray, towards_target: np.ndarray) -> tuple[float, float]:
        """Return the gain of the best multiple of a vector, and that multiple."""
        if groups is None:
            square = max(((vector @ vector) ** 2 - (vector**4).sum()) / 2, 0.0)
        else:
            square = max(float(vector**2 @ reach(vector)) / 2, 0.0)
        inner = max(float(vector @ towards_target) / 2, 0.0)
        return (inner**2 / square, inner / square) if square > _TINY else (0.0, 0.0)

    pulled = pull(loadings)
    best, scale = explained(loadings, pulled)
    start = vector = loadings * np.sqrt(scale)
    pulled *= np.sqrt(scale)
    for _ in range(steps):
        wanted = np.maximum(pulled, 0) / np.maximum(reach(vector), _TINY)
        vector = (vector + wanted) / 2 if vector.any() else vector
        vector[vector < SMALLEST * vector.max()] = 0
        pulled = pull(vector)
    better, scale = explained(vector, pulled)
    return vector * np.sqrt(scale) if better > best else start


def learn_products(
    data: sparse.spmatrix,
    ends: PairIndex,
    loadings: np.ndarray,
    codes: np.ndarray | None = None,
    *,
    alpha: float = 0.001,
    max_iter: int = 100,
    tol: float = 1e-8,
    measured: Measured | None = None,
) -> tuple[Fit, np.ndarray]:
    r"""Learn entries that are products of loadings by alternating optimisation from a start.

    Minimises :math:`\frac12\|S - CD\|_F^2 + \alpha\|C\|_1` over C >= 0 and :math:`D_{k,ab} = g_{ka} g_{kb}`,
    g >= 0, rows of D of norm at most 1, over all pairs of the genes: pairs without a correlation anywhere are
    zeros, so an entry cannot join groups of genes that no pancluster joins. Otherwise as
    :func:`panscape.coscape.dictionary.learn.learn_entries`: the codes are the exact lasso optimum, the
    entries get one pass of block coordinate descent per iteration. This is a symmetric, non-negative
    decomposition of the genes x genes x panclusters array, which is unique where factors of a matrix alone
    are not.

    Per iteration the pairs of genes with a loading are read (:class:`PairData`), O(nnz K) at most, and
    O(N K^2 + K^2 G). Memory: the data as CSC and two K x P arrays.

    Parameters
    ----------
    data
        (N, P) sparse.
    ends
        The pairs' genes.
    loadings, codes
        (K, G) non-negative and (N, K) start; neither is changed.
    alpha, max_iter, tol, measured
        See :func:`panscape.coscape.dictionary.learn.learn_entries`; `measured` also names the genes that each
        pancluster measures.

    Returns
    -------
    fit : objective and error include the pairs without any value; entries are at the P pairs, of norm 1
        there, and the codes are optimal for them.
    loadings : (K, G), of entries of norm at most 1.
    """
    pairs = PairData.of(data, ends)
    options: dict[str, Any] = {"alpha": alpha, "max_iter": max_iter, "tol": tol, "measured": measured}
    loadings, codes, history, squared = optimise(pairs, loadings, codes, **options)
    norm = float(pairs.data.data @ pairs.data.data)
    entries = ends.products(loadings)
    lengths = np.linalg.norm(entries, axis=1)
    entries /= np.where(lengths > 0, lengths, 1)[:, None]
    codes = entry_codes(pairs.data, entries, alpha, codes, measured)
    return Fit(codes, entries, history[-1], float(squared / norm), tuple(history)), loadings


def optimise(
    pairs: PairData,
    loadings: np.ndarray,
    codes: np.ndarray | None,
    *,
    alpha: float,
    max_iter: int,
    tol: float,
    measured: Measured | None,
) -> tuple[np.ndarray, np.ndarray, list[float], float]:
    """Alternate between codes and loadings, see :func:`learn_products`.

    Parameters
    ----------
    pairs
        Panclusters x pairs.
    loadings, codes, alpha, max_iter, tol, measured
        See :func:`learn_products`.

    Returns
    -------
    loadings, codes : (K, G) and (N, K), the codes of the iteration before the last update of the loadings.
    history, squared : objective after each iteration, and the last squared error.
    """
    data = pairs.data
    norm = float(data.data @ data.data)
    loadings = unit_loadings(np.array(loadings, dtype=np.float64))
    codes = np.zeros((data.shape[0], len(loadings))) if codes is None else np.asarray(codes, dtype=np.float64)
    history: list[float] = []
    squared, target = norm, pairs.products(loadings)
    for _ in range(max_iter):
        codes = code_loadings(target, loadings, alpha, codes, measured)
        if measured is None:
            inner = codes.T @ codes
            _update(pairs, loadings, codes, inner)
            fitted = np.vdot(inner, inner_products(loadings, loadings))
        else:
            inner = code_products(codes, measured)
            _update_groups(pairs, loadings, codes, inner, measured)
            fitted = np.vdot(inner, group_products(loadings, loadings, measured.genes))
        target = pairs.products(loadings)
        squared = max(norm - 2 * np.vdot(codes, target) + fitted, 0.0)
        history.append(float(0.5 * squared + alpha * codes.sum()))
        if len(history) > 1 and history[-2] - history[-1] < tol * history[-1]:
            break
    return loadings, codes, history, squared


def code_loadings(
    target: np.ndarray, loadings: np.ndarray, alpha: float, codes: np.ndarray, measured: Measured | None
) -> np.ndarray:
    """Return the optimal codes (N, K) for products of loadings over all pairs of genes.

    Parameters
    ----------
    target
        (N, K): products of the data with the entries.
    loadings
        (K, G).
    alpha, codes, measured
        See :func:`panscape.coscape.dictionary.learn.entry_codes`.
    """
    if measured is None:
        return lasso_codes(inner_products(loadings, loadings), target, alpha, codes)
    return encode_groups(group_products(loadings, loadings, measured.genes), target, alpha, codes, measured)


def _update_groups(
    pairs: PairData, loadings: np.ndarray, codes: np.ndarray, inner: np.ndarray, measured: Measured
) -> None:
    """Update the loadings as :func:`_update` does, `inner` (S, K, K) and products by group."""
    for k in range(len(loadings)):
        amount = inner[:, k, k].sum()
        if amount > _TINY:
            weights = inner[:, k] / amount
            weights[:, k] = 0
            groups = (inner[:, k, k] / amount, measured.genes)
            pull = pairs.pull(codes[:, k] / amount)
            new = step_towards(pull, loadings[k], loadings, weights, _STEPS, groups)
            loadings[k] = unit_loadings(new, max_norm=1.0)


def _update(pairs: PairData, loadings: np.ndarray, codes: np.ndarray, inner: np.ndarray) -> None:
    """Update the loadings in place, one entry after the other; unused entries do not change."""
    for k in range(len(loadings)):
        if inner[k, k] > _TINY:
            weights = inner[k] / inner[k, k]
            weights[k] = 0
            pull = pairs.pull(codes[:, k] / inner[k, k])
            new = step_towards(pull, loadings[k], loadings, weights, _STEPS)
            loadings[k] = unit_loadings(new, max_norm=1.0)
