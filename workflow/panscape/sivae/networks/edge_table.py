"""Edges of the networks of many lines, in one sparse table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.sivae.networks.similarity import edge_codes

PRESENT = 0.5  # minimum fraction of a line's bins with an edge for the line to have it


@dataclass(frozen=True)
class EdgeTable:
    """Edges of many lines.

    Attributes
    ----------
    genes
        (G,) names.
    first, second
        (E,) positions of the edges' genes, first < second, sorted.
    fractions
        (L, E) CSR: fraction of a line's bins that have the edge, 0 to 1.
    """

    genes: np.ndarray
    first: np.ndarray
    second: np.ndarray
    fractions: sparse.csr_matrix

    @property
    def present(self) -> sparse.csr_matrix:
        """Return CSR (L, E) of ones for edges in at least half of a line's bins."""
        fraction = self.fractions.copy()
        fraction.data = (fraction.data >= PRESENT).astype(float)
        fraction.eliminate_zeros()
        return fraction

    def take(self, edges: np.ndarray) -> EdgeTable:
        """Return a subset of the edges (bool or positions)."""
        return EdgeTable(self.genes, self.first[edges], self.second[edges], self.fractions[:, edges])


def edge_table(graphs: Sequence[Sequence[sparse.csr_matrix]], genes: Sequence[str] | np.ndarray) -> EdgeTable:
    """Collect the edges of all lines, each given as the list of its bins' graphs on `genes`."""
    rows, weights = [], []
    for bins in graphs:
        codes = np.concatenate([edge_codes(graph) for graph in bins]) if bins else np.zeros(0, np.int64)
        names, counts = np.unique(codes, return_counts=True)
        rows.append(names)
        weights.append(counts / max(len(bins), 1))
    names = np.unique(np.concatenate([*rows, np.zeros(0, np.int64)]))
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    place = np.concatenate([np.searchsorted(names, row) for row in rows])
    fractions = sparse.csr_matrix((np.concatenate(weights), place, indptr), shape=(len(graphs), len(names)))
    count = len(genes)
    return EdgeTable(np.asarray(genes, dtype=object), names // count, names % count, fractions)
