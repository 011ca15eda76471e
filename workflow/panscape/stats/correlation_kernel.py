"""Compiled passes over blocks of rows of a correlation matrix.

Imported only where needed: compilation takes about a second. The passes do what those of
:mod:`panscape.coscape.coexpression.pair_rows` do, in the same order of operations, so that both give the same
bytes.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled


@compiled(nogil=True)
def fill_correlations(products, total, mean, scale, start, r):
    """Compiled :func:`panscape.coscape.coexpression.pair_rows.fill_correlations`."""
    n_rows, n_columns = r.shape
    for row in range(n_rows):
        gene = start + row
        for at in range(row):
            r[row, at] = 0.0
        for at in range(row, n_columns):
            other = start + at
            value = (products[gene, other] - total[gene] * mean[other]) * scale[gene] * scale[other]
            value = 1.0 if value > 1.0 else value
            r[row, at] = -1.0 if value < -1.0 else value


@compiled(nogil=True)
def take_strong(r, start, genes, varies, cutoff):
    """Compiled :func:`panscape.coscape.coexpression.pair_rows.take_strong`."""
    n_rows, n_columns = r.shape
    first = np.empty(n_rows * n_columns + 1, np.int32)
    second = np.empty(n_rows * n_columns + 1, np.int32)
    value = np.empty(n_rows * n_columns + 1, np.float32)
    kept = 0
    for row in range(n_rows):
        gene = genes[start + row]
        first[kept], second[kept], value[kept] = gene, gene, 1.0
        kept += varies[start + row]
        for at in range(row + 1, n_columns):
            # without a branch, which would often be predicted wrongly
            first[kept], second[kept], value[kept] = gene, genes[start + at], r[row, at]
            kept += abs(r[row, at]) >= cutoff
    return first[:kept].copy(), second[:kept].copy(), value[:kept].copy()


@compiled(nogil=True)
def add_signal(score, start, genes, detected, n, least, squares, noise):
    """Compiled :func:`panscape.coscape.coexpression.pair_rows.add_signal`."""
    n_rows, n_columns = score.shape
    later = detected[start:]
    most = detected.max()
    once = 1 / n
    bound = least * n
    neighbours = genes[-1] - genes[0] == len(genes) - 1  # then the loop over them takes several at a time
    for row in range(n_rows):
        here = detected[start + row]
        if here * most < bound:
            continue
        gene = genes[start + row]
        if neighbours:
            of_squares, of_noise = squares[gene, gene:], noise[gene, gene:]
            for at in range(row + 1, n_columns):
                value = score[row, at]
                valid = (value != 0) & (here * later[at] >= bound)
                of_squares[at - row] += value * value if valid else 0.0
                of_noise[at - row] += once if valid else 0.0
            continue
        of_squares, of_noise = squares[gene], noise[gene]
        for at in range(row + 1, n_columns):
            value = score[row, at]
            if value != 0 and here * later[at] >= bound:
                of_squares[genes[start + at]] += value * value
                of_noise[genes[start + at]] += once


@compiled(nogil=True)
def flag_near(products, total, mean, scale, cutoff, near):
    """Set ``near[i]`` and ``near[j]`` for pairs of genes whose approximate correlation reaches the cutoff.

    Parameters
    ----------
    products, total, mean, scale
        As in :func:`fill_correlations`.
    cutoff
        Smallest ``|r|``.
    near
        bool (n_genes,), changed in place.
    """
    for gene in range(len(scale)):
        if scale[gene] == 0:
            continue
        for other in range(gene + 1, len(scale)):
            r = (products[gene, other] - total[gene] * mean[other]) * scale[gene] * scale[other]
            if abs(r) >= cutoff:
                near[gene] = near[other] = True
