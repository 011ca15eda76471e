"""Compiled choice of the smallest entries of every row of a block of distances.

Imported only where needed: loading the compiler takes about a third of a second.
"""

from __future__ import annotations

from panscape.stats.compiled import compiled

STRIP = 32  # entries whose minimum is taken first, in vector registers


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
                value, place = strip[at], k - 1
                if not value < worst:
                    continue
                while place > 0 and kept_here[place - 1] > value:
                    kept_here[place], columns[place] = kept_here[place - 1], columns[place - 1]
                    place -= 1
                kept_here[place], columns[place] = value, start + at
                worst = kept_here[k - 1]
