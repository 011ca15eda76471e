"""Compiled choice of the smallest entries of every row of a block of distances.

Imported only where needed: loading the compiler takes about a third of a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

STRIP = 32  # entries whose minimum is taken first, in vector registers


@compiled(nogil=True, fastmath={"nnan", "nsz"})
def insert(kept, names, value, name):
    """Put a value, below the last, and its name in their place among ascending ones; the last drops out."""
    place = len(kept) - 1
    while place > 0 and kept[place - 1] > value:
        kept[place], names[place] = kept[place - 1], names[place - 1]
        place -= 1
    kept[place], names[place] = value, name


@compiled(nogil=True, fastmath={"nnan", "nsz"})
def keep_smallest(values, index, kept):
    """Find the smallest entries of every row, ascending.

    Few strips of a row have an entry below the largest of those kept so far, so that most of the time goes
    into minima, which are vectorised: one pass, without a copy of the row.

    Parameters
    ----------
    values
        float (m, n), not NaN; k or more entries of every row are finite.
    index
        int64 (m, k), k <= n: receives the columns.
    kept
        float (m, k): receives the values. Of equal ones at the edge, those of the first columns are kept.
    """
    k = index.shape[1]
    for row in range(values.shape[0]):
        line, kept_here, columns = values[row], kept[row], index[row]
        kept_here[:] = float("inf")
        worst = kept_here[k - 1]
        for start in range(0, len(line), STRIP):
            strip = line[start : start + STRIP]
            lowest = strip[0]
            for value in strip:
                lowest = min(value, lowest)
            if not lowest < worst:
                continue
            for at in range(len(strip)):
                if strip[at] < worst:
                    insert(kept_here, columns, strip[at], start + at)
                    worst = kept_here[k - 1]


@compiled(nogil=True, fastmath={"nnan", "nsz"})
def keep_nearer(squared, squares, rows, first, near, kept):
    """Put points nearer than those kept so far among the nearest points of some queries.

    Parameters
    ----------
    squared
        float32 (m, n), not NaN: squared distances of consecutive points, less the queries' squared norms.
    squares
        float32 (m,): squared norms of the queries.
    rows
        int64 (m,): position of each query among all points, itself left out.
    first
        Position of the first of the consecutive points.
    near, kept
        int32 and float32 (n_points, k), changed in place: nearest points and squared distances, ascending.
    """
    k = near.shape[1]
    for at in range(squared.shape[0]):
        line, row, square = squared[at], rows[at], squares[at]
        kept_here, columns = kept[row], near[row]
        worst = kept_here[k - 1] - square
        for start in range(0, len(line), STRIP):
            strip = line[start : start + STRIP]
            lowest = strip[0]
            for value in strip:
                lowest = min(value, lowest)
            if not lowest < worst:
                continue
            for step in range(len(strip)):
                point = first + start + step
                if not strip[step] < worst or point == row:
                    continue
                insert(kept_here, columns, strip[step] + square, point)
                worst = kept_here[k - 1] - square


@compiled(nogil=True)
def measure_candidates(points, order, near, indices, distances):
    """Choose the nearest of a few candidates of every point by exact distances, ties by position.

    Parameters
    ----------
    points
        (n, d) float32 or float64.
    order
        int64 (n,): point at each place.
    near
        int32 (n, m): places of the candidates of the point at each place, -1 for none.
    indices, distances
        int64 and float64 (n, k), k <= m, to write to: points, nearest first, and their distances; undefined
        for points with fewer candidates.
    """
    k, m = indices.shape[1], near.shape[1]
    gaps, names = np.empty(m), np.empty(m, np.int64)
    for at in range(len(order)):
        here, known = points[order[at]], 0
        for candidate in near[at]:
            if candidate < 0:
                continue
            name, gap = order[candidate], 0.0
            there = points[name]
            for axis in range(len(here)):
                apart = np.float64(here[axis]) - np.float64(there[axis])
                gap += apart * apart
            place = known
            while place > 0 and gaps[place - 1] >= gap:
                if gaps[place - 1] == gap and names[place - 1] < name:
                    break
                gaps[place], names[place] = gaps[place - 1], names[place - 1]
                place -= 1
            gaps[place], names[place] = gap, name
            known += 1
        for place in range(min(k, known)):
            indices[order[at], place], distances[order[at], place] = names[place], np.sqrt(gaps[place])
