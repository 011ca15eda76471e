"""Random tables of counts with fixed sums of rows and columns."""

from __future__ import annotations

import numpy as np


def random_tables(rows: np.ndarray, columns: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the tables that result from permuting labels over members of groups, without the permutations.

    Group i has ``rows[i]`` members and label j is given to ``columns[j]`` of all members; a table has the
    numbers of members of each group with each label. Its time does not grow with the number of members.

    Parameters
    ----------
    rows
        int (n_rows,): sizes of the groups.
    columns
        int (n_columns,): numbers of the labels, with the same sum.
    number
        Number of tables.
    rng
        Random number generator.

    Returns
    -------
    int64 (number, n_rows, n_columns).

    Raises
    ------
    ValueError
        If the sums of rows and columns differ.

    Examples
    --------
    >>> tables = random_tables(np.array([3, 2]), np.array([4, 1]), 5, np.random.default_rng(0))
    >>> tables.sum(axis=2)[0].tolist(), tables.sum(axis=1)[0].tolist()
    ([3, 2], [4, 1])
    """
    rows, columns = (np.asarray(part, dtype=np.int64) for part in (rows, columns))
    if rows.sum() != columns.sum():
        raise ValueError(f"rows have {rows.sum()} members, columns {columns.sum()}")
    left = np.tile(columns, (number, 1))  # members of each label that no group has yet
    tables = np.zeros((number, len(rows), len(columns)), dtype=np.int64)
    for row, size in enumerate(rows[:-1]):
        wanted, others = np.full(number, size), left.sum(axis=1)
        for column in range(len(columns)):
            others -= left[:, column]
            drawn = rng.hypergeometric(left[:, column], others, wanted)
            tables[:, row, column] = drawn
            wanted -= drawn
        left -= tables[:, row]
    tables[:, -1:] = left[:, None, :]  # the last group has the rest
    return tables
