"""Random permutation of the values of genes among the cells of a cluster, within strata of depth."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def shuffle_rows(dense: np.ndarray, depth: np.ndarray, strata: int, rng: np.random.Generator) -> np.ndarray:
    """Permute every row independently within strata of depth, in place.

    Parameters
    ----------
    dense
        (n_genes, n_cells): a gene's values, together in memory.
    depth
        (n_cells,) total counts.
    strata
        Number of strata of equal size; fewer where one would have less than ten cells.
    rng
        Random number generator of the permutations.
    """
    for cells in _strata(depth, strata):
        dense[:, cells] = rng.permuted(dense[:, cells], axis=1)
    return dense


def place_rows(
    values: sparse.csr_matrix, depth: np.ndarray, strata: int, rng: np.random.Generator
) -> np.ndarray:
    """Return permuted rows as :func:`shuffle_rows` does, but by random places of the values alone.

    It takes no random number for a zero, but a compiled loop.

    Parameters
    ----------
    values
        CSR (n_cells, n_genes).
    depth, strata, rng
        As in :func:`shuffle_rows`.

    Returns
    -------
    float32 (n_genes, n_cells), the cells of a stratum after those of the one before.
    """
    from panscape.stats.value_kernel import place_values

    groups, columns = _strata(depth, strata), sparse.csc_matrix(values, dtype=np.float32)
    edges = np.cumsum([0, *map(len, groups)])
    label = np.empty(len(depth), dtype=np.int64)
    for at, cells in enumerate(groups):
        label[cells] = at
    dense = np.zeros(values.shape[::-1], dtype=np.float32)
    chance = rng.random(len(columns.data))
    place_values(columns.indptr, columns.indices, columns.data, label, edges, chance, dense)
    return dense


def _strata(depth: np.ndarray, number: int) -> list[np.ndarray]:
    """Divide cells by depth into strata of equal size, of at least ten cells."""
    return np.array_split(np.argsort(depth, kind="stable"), int(np.clip(len(depth) // 10, 1, number)))
