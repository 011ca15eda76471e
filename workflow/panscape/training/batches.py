"""Which cells are held out, and which come together in a step."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape import seeds


def permutation(n: int, seed: int, *names: str | int) -> np.ndarray:
    """Return the numbers below `n` in the random order of a named stream."""
    return seeds.stream(seed, "permutation", *names).permutation(n)


def batches(
    n: int, size: int, seed: int, epoch: int, *names: str | int, drop_last: bool = False
) -> list[np.ndarray]:
    """Return an epoch's mini-batches: every cell once, in an order of this epoch's own.

    Parameters
    ----------
    n
        Number of cells, at least 1.
    size
        Cells in a batch.
    seed, epoch, names
        What the order derives from; a resumed run draws the same one.
    drop_last
        Leave out a shorter last batch (never the only one).

    Returns
    -------
    Arrays of cell numbers, `size` each except perhaps the last.
    """
    if n < 1 or size < 1:
        raise ValueError(f"batches of {size} from {n} cells")
    order = permutation(n, seed, "batches", *names, epoch)
    parts = [order[start : start + size] for start in range(0, n, size)]
    return parts[:-1] if drop_last and len(parts) > 1 and len(parts[-1]) < size else parts


def held_out(
    n: int, share: float, seed: int, *names: str | int, strata: np.ndarray | None = None
) -> np.ndarray:
    """Choose the cells that training does not see.

    Parameters
    ----------
    n
        Number of cells.
    share
        Share of the cells in [0, 1).
    seed, names
        The stream the choice is drawn from.
    strata
        Group of every cell (n,); the share then holds in each group, rounded down, so that a group of one
        cell is always trained on.

    Returns
    -------
    Mask (n,), True for held-out cells.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share of held-out cells {share}")
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
