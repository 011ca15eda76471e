"""Compiled sums over groups of rows for several draws of the rows at once.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled


@compiled(nogil=True)
def add_drawn_columns(
    starts, rows, data, factor, bins, size, groups, times, unions, parts, total, square, detected, cross,
    first, step,
):  # fmt: skip
    """Add up columns over unions of groups of rows, each row weighted by how often it was drawn.

    Parameters
    ----------
    starts, rows, data, factor, bins, groups, times, unions, parts, first, step
        As of :func:`add_drawn_products`; every `step`-th column is taken.
    size
        (n_rows,) float64 factor of the rows in `cross`.
    total, square, detected
        (n_draws, n_unions, n_columns) float64, changed in place: sums of the values times their factor, of
        the squares of these, and of the rows with a value.
    cross
        (n_draws, n_bins, n_unions, n_columns) float64, changed in place: sums of the values times their
        factor and size by bin; not added up if it has no draws.
    """
    n_draws, n_unions = total.shape[0], total.shape[1]
    n_groups = groups.max() + 1 if len(groups) else 0
    n_bins = cross.shape[1] if cross.shape[0] else 0
    inside = np.zeros((n_groups, 3 + n_bins, n_draws))
    for column in range(first, len(starts) - 1, step):
        inside[:] = 0.0
        for q in range(starts[column], starts[column + 1]):
            row = rows[q]
            group = groups[row]
            if group < 0:
                continue
            value = data[q] * factor[column, bins[row]]
            for draw in range(n_draws):
                inside[group, 0, draw] += value * times[row, draw]
                inside[group, 1, draw] += value * value * times[row, draw]
                inside[group, 2, draw] += times[row, draw]
            if n_bins:
                place = 3 + bins[row]
                scaled = value * size[row]
                for draw in range(n_draws):
                    inside[group, place, draw] += scaled * times[row, draw]
        for union in range(n_unions):
            for q in range(unions[union], unions[union + 1]):
                for draw in range(n_draws):
                    total[draw, union, column] += inside[parts[q], 0, draw]
                    square[draw, union, column] += inside[parts[q], 1, draw]
                    detected[draw, union, column] += inside[parts[q], 2, draw]
                for place in range(n_bins):
                    for draw in range(n_draws):
                        cross[draw, place, union, column] += inside[parts[q], 3 + place, draw]


@compiled(nogil=True)
def add_drawn_products(
    starts, rows, data, factor, bins, groups, times, unions, parts, common, rare, total, first, step
):
    """Add the products of both columns of each pair over unions of groups of rows.

    The more frequent column of a pair is spread over a dense vector, along which the rarer one is read, once
    for all draws.

    Parameters
    ----------
    starts, rows, data
        CSC (int64, int32, float32).
    factor
        (n_columns, n_bins) float64 by which a value is multiplied, given the bin of its row.
    bins, groups
        int64 (n_rows,) bin and group of each row; groups < 0 are left out.
    times
        (n_rows, n_draws) float64 how often each row was drawn.
    unions, parts
        int64 CSR pointers and int32 indices: the groups of each union.
    common, rare
        int64 (n_pairs,) columns of each pair; pairs with the same `common` must follow each other.
    total
        (n_draws, n_unions, n_pairs) float64, changed in place.
    first, step
        Only the runs of pairs of the same `common` whose number leaves `first` when divided by `step`, so
        that threads never write to the same place and every sum has one fixed order.
    """
    n_draws, n_unions = total.shape[0], total.shape[1]
    n_groups = groups.max() + 1 if len(groups) else 0
    spread = np.zeros(len(bins))
    inside = np.zeros((n_groups, n_draws))
    sums = np.zeros(n_draws)
    run, begin = 0, 0
    while begin < len(common):
        end = begin
        while end < len(common) and common[end] == common[begin]:
            end += 1
        if run % step == first:
            column = common[begin]
            for q in range(starts[column], starts[column + 1]):
                if groups[rows[q]] >= 0:
                    spread[rows[q]] = data[q] * factor[column, bins[rows[q]]]
            for pair in range(begin, end):
                other = rare[pair]
                inside[:] = 0.0
                for q in range(starts[other], starts[other + 1]):
                    row = rows[q]
                    if spread[row] != 0.0:
                        value = spread[row] * data[q] * factor[other, bins[row]]
                        for draw in range(n_draws):
                            inside[groups[row], draw] += value * times[row, draw]
                for union in range(n_unions):
                    sums[:] = 0.0
                    for q in range(unions[union], unions[union + 1]):
                        for draw in range(n_draws):
                            sums[draw] += inside[parts[q], draw]
                    for draw in range(n_draws):
                        total[draw, union, pair] = sums[draw]
            for q in range(starts[column], starts[column + 1]):
                spread[rows[q]] = 0.0
        run += 1
        begin = end
