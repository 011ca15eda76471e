"""Compiled loops of ranks within sparse columns.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

from panscape.stats.compiled import compiled


@compiled(nogil=True)
def write_keys(indices, bits, ahead, ends, first, last, row_bits, keys):
    """Write one sortable key, of column, value and row, for every value of some columns.

    Parameters
    ----------
    indices, bits
        Columns of all values, ascending in each row, and the values as int32 in their order.
    ahead, ends
        int64 (n_rows,): for each row, where its values of these columns begin, and where the row ends;
        `ahead` is changed, to the end of these columns.
    first, last
        The columns: from `first` up to, not including, `last`.
    row_bits
        Bits of the key that hold the row.
    keys
        int64, with as many places as there are values.

    Returns
    -------
    int: number of keys written.
    """
    written = 0
    for row in range(len(ahead)):
        q, end = ahead[row], ends[row]
        while q < end and indices[q] < last:
            column, value = indices[q] - first, bits[q]
            keys[written] = ((column << 31 | value) << row_bits) | row
            written += 1
            q += 1
        ahead[row] = q
    return written


@compiled(nogil=True)
def write_ranks(keys, row_bits, stored, n_rows, back, ranks):
    """Write the shifted average rank of every value of some columns.

    Parameters
    ----------
    keys
        Of :func:`write_keys`, ascending.
    row_bits
        As there.
    stored
        int64 (n_columns,): number of values of each of the columns.
    n_rows
        Number of rows.
    back
        int64 (n_rows,): for each row, the place of its first value of these columns; changed to the end.
    ranks
        float32: the ranks of all values, to write to.
    """
    mask = (1 << row_bits) - 1
    start, column_start, column = 0, 0, 0
    while start < len(keys):
        value = keys[start] >> row_bits
        while column < value >> 31:
            column_start += stored[column]
            column += 1
        stop = start + 1
        while stop < len(keys) and keys[stop] >> row_bits == value:
            stop += 1
        # the zeros of the column share the rank (zeros + 1) / 2, by which all ranks are shifted
        zeros = n_rows - stored[column]
        rank = (start - column_start + 1) + (stop - start - 1) / 2 + (zeros - 1) / 2
        for at in range(start, stop):
            row = keys[at] & mask
            ranks[back[row]] = rank
            back[row] += 1
        start = stop


@compiled(nogil=True)
def count_levels(indices, levels, starts, often):
    """Count every level of every column in a table.

    Parameters
    ----------
    indices, levels
        Column and whole-numbered value of each stored value.
    starts
        int64 (n_columns,): where the levels of a column begin in the table.
    often
        int64, the table; changed in place.
    """
    for q in range(len(levels)):
        often[starts[indices[q]] + levels[q]] += 1


@compiled(nogil=True)
def take_levels(indices, levels, starts, table, taken):
    """Write to ``taken`` what a table has for the level of every value; see :func:`count_levels`."""
    for q in range(len(levels)):
        taken[q] = table[starts[indices[q]] + levels[q]]
