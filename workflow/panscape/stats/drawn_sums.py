"""Compiled sums over groups of rows for several draws of the rows at once.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

CHUNK = 1 << 15  # rows at a time, so that a column of them stays in the cache of the processor


def chunks_of(starts: np.ndarray, rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Return where each chunk of rows begins and ends in each column, int64 (n_chunks + 1, n_columns).

    Parameters
    ----------
    starts, rows
        CSC pointers and sorted row indices.
    n_rows
        Number of rows to be read, the first ones.

    Examples
    --------
    >>> chunks_of(np.array([0, 2, 3]), np.array([0, 5, 1]), 5).tolist()
    [[0, 2], [1, 3]]
    """
    edges = np.append(np.arange(0, n_rows, CHUNK), n_rows)
    cuts = np.empty((len(edges), len(starts) - 1), dtype=np.int64)
    for column, start in enumerate(starts[:-1]):
        cuts[:, column] = start + np.searchsorted(rows[start : starts[column + 1]], edges)
    return cuts


@compiled(nogil=True)
def add_drawn_columns(
    cuts, rows, data, factor, bins, size, units, times, groups, owners, owned, total, square, detected, cross,
    first, step,
):  # fmt: skip
    """Add up columns over unions of groups of rows, each row weighted by how often its unit was drawn.

    Parameters
    ----------
    cuts, rows, data, factor, bins, units, times, groups, owners, owned, first, step
        As of :func:`add_drawn_products`; every `step`-th column is taken.
    size
        (n_rows,) float64 factor of the rows in `cross`.
    total, square, detected
        (n_columns, n_unions, n_draws) float64, changed in place: sums of the values times their factor, of
        the squares of these, and of the rows with a value.
    cross
        (n_bins, n_columns, n_unions, n_draws) float64, changed in place: sums of the values times their
        factor and size by bin; there may be no bins.
    """
    n_draws, n_bins = times.shape[1], cross.shape[0]
    alone = np.zeros(3 + n_bins)
    inside = np.zeros((3 + n_bins, n_draws))
    for column in range(first, cuts.shape[1], step):
        unit = -1
        for q in range(cuts[0, column], cuts[-1, column] + 1):
            end = q == cuts[-1, column]
            if end or units[rows[q]] != unit:
                if unit >= 0:
                    for place in range(3 + n_bins):
                        if alone[place] != 0.0:
                            for draw in range(n_draws):
                                inside[place, draw] += alone[place] * times[unit, draw]
                    if end or groups[units[rows[q]]] != groups[unit]:
                        add_inside(inside[0], owners, owned, groups[unit], total[column])
                        add_inside(inside[1], owners, owned, groups[unit], square[column])
                        add_inside(inside[2], owners, owned, groups[unit], detected[column])
                        for place in range(n_bins):
                            add_inside(inside[3 + place], owners, owned, groups[unit], cross[place, column])
                alone[:] = 0.0
                if end:
                    break
                unit = units[rows[q]]
            row = rows[q]
            value = data[q] * factor[column, bins[row]]
            alone[0] += value
            alone[1] += value * value
            alone[2] += 1.0
            if n_bins:
                alone[3 + bins[row]] += value * size[row]


@compiled(nogil=True)
def add_drawn_products(
    cuts, rows, data, factor, bins, units, times, groups, owners, owned, common, rare, total, first, step
):
    """Add the products of both columns of each pair over unions of groups of rows.

    The more frequent column of a pair is spread over a dense vector, along which the rarer one is read, once
    for all draws. Rows that are drawn together, a unit, are added up before they are weighted.

    Parameters
    ----------
    cuts, rows, data
        Chunks of a CSC matrix (:func:`chunks_of`), its int32 row indices and float32 values.
    factor
        (n_columns, n_bins) float64 by which a value is multiplied, given the bin of its row.
    bins, units
        int64 (n_rows,) bin and unit of each row; the rows of a unit, and the units of a group, follow each
        other.
    times
        (n_units, n_draws) float64 how often each unit was drawn.
    groups
        int64 (n_units,) group of each unit.
    owners, owned
        int64 CSR pointers and int32 indices: the unions that a group is part of.
    common, rare
        int64 (n_pairs,) columns of each pair; pairs with the same `common` must follow each other.
    total
        (n_pairs, n_unions, n_draws) float64, changed in place.
    first, step
        Only the runs of pairs of the same `common` whose number leaves `first` when divided by `step`, so
        that threads never write to the same place and every sum has one fixed order.
    """
    n_draws = times.shape[1]
    spread = np.zeros(CHUNK)
    inside = np.zeros(n_draws)
    for chunk in range(cuts.shape[0] - 1):
        low = chunk * CHUNK
        run, begin = 0, 0
        while begin < len(common):
            end = begin
            while end < len(common) and common[end] == common[begin]:
                end += 1
            if run % step == first:
                column = common[begin]
                for q in range(cuts[chunk, column], cuts[chunk + 1, column]):
                    spread[rows[q] - low] = data[q] * factor[column, bins[rows[q]]]
                for pair in range(begin, end):
                    other = rare[pair]
                    unit, alone = -1, 0.0
                    for q in range(cuts[chunk, other], cuts[chunk + 1, other]):
                        row = rows[q]
                        value = spread[row - low]
                        if value == 0.0:
                            continue
                        if units[row] != unit:
                            if unit >= 0:
                                for draw in range(n_draws):
                                    inside[draw] += alone * times[unit, draw]
                                if groups[units[row]] != groups[unit]:
                                    add_inside(inside, owners, owned, groups[unit], total[pair])
                            unit, alone = units[row], 0.0
                        alone += value * data[q] * factor[other, bins[row]]
                    if unit >= 0:
                        for draw in range(n_draws):
                            inside[draw] += alone * times[unit, draw]
                        add_inside(inside, owners, owned, groups[unit], total[pair])
                for q in range(cuts[chunk, column], cuts[chunk + 1, column]):
                    spread[rows[q] - low] = 0.0
            run += 1
            begin = end


@compiled(nogil=True)
def add_inside(inside, owners, owned, group, total):
    """Add the sums of a group, (n_draws,), to those of its unions, (n_unions, n_draws), and clear them."""
    for at in range(owners[group], owners[group + 1]):
        for draw in range(len(inside)):
            total[owned[at], draw] += inside[draw]
    inside[:] = 0.0
