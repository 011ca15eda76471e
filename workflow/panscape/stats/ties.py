"""Canonical bases of degenerate eigenspaces, the same on every processor."""

from __future__ import annotations

import numpy as np

TIED = 1e-10  # relative to the largest absolute eigenvalue; smaller differences are rounding


def tied(values: np.ndarray) -> np.ndarray:
    """Return the mask (n - 1,) of descending `values` that coincide with the next one."""
    return -np.diff(values) <= TIED * np.abs(values).max(initial=0.0)


def canonical_rotation(
    values: np.ndarray, vectors: np.ndarray, k: int
) -> tuple[np.ndarray, list[tuple[slice, np.ndarray]]]:
    """Rotate the vectors of coinciding values to a basis that depends only on their span.

    The basis is given by the projections of fixed random directions onto the space. The null space is not
    rotated.

    Parameters
    ----------
    values
        (n,), descending.
    vectors
        (p, n), orthonormal columns, complete for every distinct value among the first `k`.
    k
        Number of vectors to return.

    Returns
    -------
    vectors
        (p, k).
    rotations
        Columns and the rotation applied to them, for each set of coinciding values.
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
            # a stream per set, so that its directions do not depend on the sets before
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
