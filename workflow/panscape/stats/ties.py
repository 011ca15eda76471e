"""Bases of the spaces that belong to coinciding eigenvalues, the same on every processor."""

from __future__ import annotations

import numpy as np

TIED = 1e-10  # eigenvalues this close, relative to the largest in size, coincide but for rounding


def tied(values: np.ndarray) -> np.ndarray:
    """Return which of the falling `values` coincide with the next one, (n - 1,) bool."""
    return -np.diff(values) <= TIED * np.abs(values).max(initial=0.0)


def canonical_rotation(
    values: np.ndarray, vectors: np.ndarray, k: int
) -> tuple[np.ndarray, list[tuple[slice, np.ndarray]]]:
    """Rotate the vectors of coinciding values to a basis that only the space they span decides.

    The basis is that of the projections of fixed random directions onto the space. The space of value 0 stays
    as it is: nothing is made of directions without variance.

    Parameters
    ----------
    values
        (n,), falling.
    vectors
        (p, n), orthonormal columns, complete for every value among the first `k`.
    k
        Number of vectors to return.

    Returns
    -------
    vectors
        (p, k).
    rotations
        Columns and the rotation that they were multiplied by, for each set of coinciding values.
    """
    rotations = []
    same, start = tied(values), 0
    zero = TIED * np.abs(values).max(initial=0.0)
    while start < min(k, len(values)):
        end = start + 1
        while end < len(values) and same[end - 1]:
            end += 1
        if end - start > 1 and np.abs(values[start:end]).max() > zero:
            inside = vectors[:, start:end]
            # a stream per set: which directions it takes must not depend on the sets before
            fixed = np.random.default_rng(end - start).standard_normal((len(vectors), end - start))
            rotation, upper = np.linalg.qr(inside.T @ fixed)
            rotations.append((slice(start, end), rotation * np.where(np.diagonal(upper) < 0, -1.0, 1.0)))
        start = end
    if not rotations:
        return vectors[:, :k], rotations
    turned = np.array(vectors)
    for columns, rotation in rotations:
        turned[:, columns] = vectors[:, columns] @ rotation
    return turned[:, :k], rotations
