"""Held-out cells and mini-batches."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape import seeds


def permutation(n: int, seed: int, *names: str | int) -> np.ndarray:
    """Return a random permutation of the numbers below `n`, from a named stream."""
    return seeds.stream(seed, "permutation", *names).permutation(n)


def batches(
    n: int, size: int, seed: int, epoch: int, *names: str | int, drop_last: bool = False
) -> list[np.ndarray]:
    """Return the mini-batches of an epoch, a random partition of all cells.

    Parameters
    ----------
    n
        Number of cells, at least 1.
    size
        Batch size.
    seed, epoch, names
        Seed, epoch and stream of the order, which is the same in a resumed run.
    drop_last
        Drop a smaller last batch, unless it is the only one.

    Returns
    -------
    Arrays of cell indices, of length `size` except possibly the last.
    """
    if n < 1 or size < 1:
        raise ValueError(f"batches of {size} from {n} cells")
    order = permutation(n, seed, "batches", *names, epoch)
    parts = [order[start : start + size] for start in range(0, n, size)]
    return parts[:-1] if drop_last and len(parts) > 1 and len(parts[-1]) < size else parts


class Batches:
    """Mini-batches of successive epochs; the order of an epoch is drawn once, not at every step.

    Parameters
    ----------
    n, size, seed, names
        See :func:`batches`.

    Examples
    --------
    >>> order = Batches(5, 3, 0)
    >>> order.per_epoch, [len(order.at(step)) for step in range(4)]
    (2, [3, 2, 3, 2])
    """

    def __init__(self, n: int, size: int, seed: int, *names: str | int):
        self.per_epoch = -(-n // size)
        self._options = (n, size, seed)
        self._names = names
        self._epoch: int | None = None
        self._parts: list[np.ndarray] = []

    def at(self, step: int) -> np.ndarray:
        """Return the cells of a step, counted from the start of training."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._parts, self._epoch = batches(*self._options, epoch, *self._names), epoch
        return self._parts[place]


def held_out(
    n: int, share: float, seed: int, *names: str | int, strata: np.ndarray | None = None
) -> np.ndarray:
    """Return the mask of cells held out from training.

    Parameters
    ----------
    n
        Number of cells.
    share
        Fraction of held-out cells, in [0, 1).
    seed, names
        Seed and stream of the choice.
    strata
        Group of every cell (n,); the fraction then applies to each group, rounded down, so that single cells
        are never held out.

    Returns
    -------
    Mask (n,), True for held-out cells.
    """
    if not 0 <= share < 1:
        raise ValueError(f"fraction of held-out cells {share}")
    random = seeds.stream(seed, "held-out", *names)
    mask = np.zeros(n, bool)
    codes = np.zeros(n, int) if strata is None else np.unique(strata, return_inverse=True)[1]
    for code in range(codes.max(initial=-1) + 1):
        members = np.flatnonzero(codes == code)
        mask[random.permutation(members)[: int(share * len(members))]] = True
    return mask


def dense_rows(matrix: sparse.csr_matrix | np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows of a matrix as a dense float32 array (rows x columns)."""
    block = matrix[rows]
    return np.asarray(block.toarray() if sparse.issparse(block) else block, dtype=np.float32)
