"""Compiled sums over the pairs of the genes of an entry.

Imported only where needed: loading the compiler takes about a third of a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled


@compiled(nogil=True)
def add_products(pointer, pair, other, indptr, indices, values, loadings, out):
    """Add the product of data and one entry to `out`, over the pairs of genes with a loading.

    Parameters
    ----------
    pointer, pair, other
        Pairs by gene: those of gene g, and the other gene of each, lie at ``pointer[g]:pointer[g + 1]``.
    indptr, indices, values
        CSC of the data, panclusters x pairs.
    loadings
        float64 (G,).
    out
        float64 (N,), changed.
    """
    for gene in range(len(loadings)):
        one = loadings[gene]
        if one == 0:
            continue
        for at in range(pointer[gene], pointer[gene + 1]):
            two = loadings[other[at]]
            if other[at] < gene or two == 0:
                continue
            weight, column = one * two, pair[at]
            for j in range(indptr[column], indptr[column + 1]):
                out[indices[j]] += weight * values[j]


@compiled(nogil=True)
def add_pull(pointer, pair, other, indptr, indices, values, code, known, cross, loadings, out):
    """Add the symmetric matrix with codesᵀ data at the pairs, times loadings, to `out`.

    Parameters
    ----------
    pointer, pair, other, indptr, indices, values
        As for :func:`add_products`.
    code
        float64 (N,): codes of the entry.
    known, cross
        bool and float64 (P,), changed: pairs whose sum is known from an earlier call, and the sums.
    loadings
        float64 (G,).
    out
        float64 (G,), changed.
    """
    for gene in range(len(loadings)):
        one = loadings[gene]
        if one == 0:
            continue
        for at in range(pointer[gene], pointer[gene + 1]):
            column = pair[at]
            if not known[column]:
                total = 0.0
                for j in range(indptr[column], indptr[column + 1]):
                    total += values[j] * code[indices[j]]
                cross[column], known[column] = total, True
            out[other[at]] += cross[column] * one


@compiled(nogil=True)
def subtract_fit(first, second, indptr, indices, values, codes, loadings):
    """Subtract the fit of codes (N, K) and loadings (K, G) from the stored values of the data, in place."""
    n_entries = len(loadings)
    weight = np.empty(n_entries)
    for column in range(len(first)):
        for k in range(n_entries):
            weight[k] = loadings[k, first[column]] * loadings[k, second[column]]
        for k in range(n_entries):
            if weight[k] != 0:
                for j in range(indptr[column], indptr[column + 1]):
                    values[j] -= codes[indices[j], k] * weight[k]
