"""The score statistic of chosen gene pairs in clusters, as the corrected distance needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Scores:
    """T of chosen gene pairs in clusters.

    Parameters
    ----------
    matrix
        CSR (n_clusters, n_pairs): T, nothing stored where a pair is not valid, see
        :func:`panscape.coscape.coexpression.pair_scores.score_pairs`.
    pairs
        int64 (n_pairs, 2): positions of the genes.
    weight
        (n_pairs,) fraction of each pair's T^2 that is signal, 0 to 1.
    shared
        CSR (n_clusters, n_clusters): numbers of cells that two clusters share, their sizes on the diagonal;
        a cell that counts m times in a draw is m^2 cells here.
    size
        (n_clusters,) numbers of cells; one that counts m times is m cells.
    """

    matrix: sparse.csr_matrix
    pairs: np.ndarray
    weight: np.ndarray
    shared: sparse.csr_matrix
    size: np.ndarray

    def __post_init__(self):
        count, width = self.matrix.shape
        if self.pairs.shape != (width, 2) or self.weight.shape != (width,):
            raise ValueError(f"{width} columns, {len(self.pairs)} pairs, {len(self.weight)} weights")
        if self.shared.shape != (count, count) or self.size.shape != (count,):
            raise ValueError(f"{count} clusters, shared cells of {self.shared.shape[0]}")

    @classmethod
    def of(
        cls,
        matrix: sparse.csr_matrix,
        pairs: np.ndarray,
        weight: np.ndarray,
        members: sparse.csr_matrix,
        multiplicity: np.ndarray | None = None,
        cells: np.ndarray | None = None,
    ) -> Scores:
        """Return the scores of a study's clusters.

        Parameters
        ----------
        matrix, pairs, weight
            See the attributes.
        members
            CSR (n_clusters, n_cells), ones.
        multiplicity
            (n_cells,) how often each cell counted in `matrix`, e.g. drawn by a bootstrap; None: once.
        cells
            (n_cells,) number of cells that each column of `members` stands for; None: one.
        """
        times = np.ones(members.shape[1]) if multiplicity is None else np.asarray(multiplicity, np.float64)
        cells = np.ones(len(times)) if cells is None else cells
        often = sparse.diags(times * np.sqrt(cells))
        inside = sparse.csr_matrix(sparse.csr_matrix(members, dtype=np.float64) @ often)
        shared = sparse.csr_matrix(inside @ inside.T)
        return cls(matrix, pairs, np.asarray(weight, np.float64), shared, members @ (times * cells))

    def of_others(self, matrix: sparse.csr_matrix, members: sparse.csr_matrix) -> Scores:
        """Return the scores of another study's clusters for the same pairs; parameters as in :meth:`of`."""
        return Scores.of(matrix, self.pairs, self.weight, members)

    def rows(self, index: np.ndarray) -> Scores:
        """Return the clusters at the given positions, repeats allowed; copies share all their cells."""
        shared = sparse.csr_matrix(self.shared[index][:, index])
        return replace(self, matrix=self.matrix[index], shared=shared, size=self.size[index])

    def of_pairs(self, index: np.ndarray) -> Scores:
        """Return the pairs at the given positions."""
        return replace(self, matrix=self.matrix[:, index], pairs=self.pairs[index], weight=self.weight[index])


def stack_scores(parts: Sequence[Scores | None]) -> Scores | None:
    """Stack the scores of several studies; None if a study has none.

    The matrices of the studies then share the memory of the result, so that scores are in memory once.

    Raises
    ------
    ValueError
        If the studies were scored for different pairs.
    """
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    first = known[0]
    for part in known[1:]:
        if not (np.array_equal(part.pairs, first.pairs) and np.array_equal(part.weight, first.weight)):
            raise ValueError("the studies were scored for different pairs")
    return Scores(
        _stacked([part.matrix for part in known]),
        first.pairs,
        first.weight,
        sparse.csr_matrix(sparse.block_diag([part.shared for part in known])),
        np.concatenate([part.size for part in known]),
    )


def _stacked(parts: Sequence[sparse.csr_matrix]) -> sparse.csr_matrix:
    """Return the matrices below each other, in float32; each part becomes a view of its rows."""
    if len(parts) == 1:
        return parts[0].astype(np.float32, copy=False)
    ends = np.cumsum([part.nnz for part in parts])
    kind = np.int32 if ends[-1] < 2**31 else np.int64
    # memory is taken where it is written, and that of a part is freed before the next is copied
    data, indices = np.empty(ends[-1], dtype=np.float32), np.empty(ends[-1], dtype=kind)
    indptr = [np.zeros(1, dtype=kind)]
    for part, end in zip(parts, ends.tolist(), strict=True):
        rows = slice(end - part.nnz, end)
        data[rows], indices[rows] = part.data, part.indices
        indptr.append(part.indptr[1:].astype(kind) + kind(rows.start))
        part.data, part.indices, part.indptr = data[rows], indices[rows], part.indptr.astype(kind)
    shape = sum(part.shape[0] for part in parts), parts[0].shape[1]
    return sparse.csr_matrix((data, indices, np.concatenate(indptr)), shape=shape)
