"""Ordinary kriging: Gaussian-process regression with an unknown mean, on a given kernel."""

from __future__ import annotations

import numpy as np

NOISE = 0.1
"""Variance of the noise, where every pancluster has kernel 2 with itself."""


def similarity_kernel(near: np.ndarray, codes: np.ndarray, other_codes: np.ndarray) -> np.ndarray:
    """Return the similarity of panclusters: that of coexpression plus the cosine of codes.

    The first distinguishes neighbors, the second follows networks that are gained or lost beyond the ages
    covered by the reference.

    Parameters
    ----------
    near
        (M, N) similarity of coexpression, see :class:`panscape.coscape.project.similarity.Similarity`.
    codes, other_codes
        (M, K) and (N, K).

    Returns
    -------
    (M, N), between 0 and 2 for non-negative coexpression.
    """
    return near + _unit(codes) @ _unit(other_codes).T


def _unit(codes: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.divide(codes, length, out=np.zeros_like(codes, dtype=float), where=length > 0)


def krige(
    known: np.ndarray, values: np.ndarray, new: np.ndarray, *, self_kernel: float = 2.0, noise: float = NOISE
) -> tuple[np.ndarray, np.ndarray]:
    """Predict values at new points.

    Parameters
    ----------
    known
        (N, N) kernel between the points with a value.
    values
        (N,) their values, finite.
    new
        (M, N) kernel between the new and the known points.
    self_kernel
        Kernel of a new point with itself.
    noise
        Variance of the noise of a value, in units of the kernel.

    Returns
    -------
    mean
        (M,), in units of `values`.
    sd
        (M,), posterior standard deviation in units of the kernel's root: small near points with known
        values, independent of the values.
    """
    count = len(values)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = known + noise * np.eye(count)
    system[count, count] = 0
    sides = np.ones((len(new), count + 1))
    sides[:, :count] = new
    # the border constrains the weights of every prediction to sum to 1 (unknown mean)
    solved = np.linalg.solve(system, np.column_stack([np.append(values, 0.0), sides.T]))
    variance = self_kernel - (sides * solved[:, 1:].T).sum(axis=1)
    return sides @ solved[:, 0], np.sqrt(np.maximum(variance, 1e-12))
