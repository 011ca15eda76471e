"""Number of stored values in each column of a sparse matrix."""

from __future__ import annotations

import numpy as np

AT_ONCE = 1 << 20  # numpy copies indices to 64 bits


def column_counts(indices: np.ndarray, n_columns: int) -> np.ndarray:
    """Count how often each column occurs, int64 (n_columns,), with little memory.

    Parameters
    ----------
    indices
        Columns of the values of a CSR matrix.
    n_columns
        Number of columns.

    Examples
    --------
    >>> column_counts(np.array([0, 2, 2], dtype=np.int32), 4).tolist()
    [1, 0, 2, 0]
    """
    counts = np.zeros(n_columns, dtype=np.int64)
    for start in range(0, len(indices), AT_ONCE):
        counts += np.bincount(indices[start : start + AT_ONCE], minlength=n_columns)
    return counts
