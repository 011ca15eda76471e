"""The cells of a study in blocks, with the genes and weights of a dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.dictionary.gene_weights import gene_weights
from panscape.coscape.dictionary.write import SavedDictionary
from panscape.data.counts import Counts, smaller
from panscape.log import logger

BLOCK_CELLS = 2048


@dataclass(frozen=True)
class StudyCells:
    """The cells of a study as the scores need them.

    Attributes
    ----------
    source
        Counts.
    columns
        (G,) positions of the dictionary's genes that the study measures.
    place
        (G,) their positions among the dictionary's genes.
    weights
        (K, G) their weights in the entries.
    depth
        (n_cells,) counts, at least 1.
    group
        int (n_cells,) group of each cell: its smallest pancluster.
    """

    source: Counts
    columns: np.ndarray
    place: np.ndarray
    weights: np.ndarray
    depth: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, source: Counts, cluster: np.ndarray, saved: SavedDictionary) -> StudyCells:
        """Match the genes of a study with those of a dictionary.

        Parameters
        ----------
        source
            Counts of the study.
        cluster
            (n_cells,) row of the smallest pancluster of each cell, -1 for none.
        saved
            The dictionary.
        """
        genes = np.asarray(saved.genes, dtype=object)
        columns = source.genes.get_indexer(pd.Index(genes))
        place = np.flatnonzero(columns >= 0)
        weights = gene_weights(saved.edges, saved.gene_a, saved.gene_b, genes)
        missing = int((weights.any(axis=0) & (columns < 0)).sum())
        if missing:
            logger.info("%d genes of entries are not measured and are left out of the scores", missing)
        depth = np.maximum(source.obs["n_counts"].to_numpy(dtype=float), 1)
        group = np.unique(cluster, return_inverse=True)[1]
        return cls(source, columns[place], place, weights[:, place], depth, group)

    def blocks(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Return (rows, CSR of all genes) of at most :data:`BLOCK_CELLS` cells."""
        return smaller(self.source.blocks(), BLOCK_CELLS)

    def gene_blocks(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR of the dictionary's genes)."""
        for rows, block in self.blocks():
            yield rows, sparse.csr_matrix(block[:, self.columns])

    def sets(self) -> sparse.csr_matrix:
        """Return CSR (K, all genes) of ones at the genes of each entry."""
        row, place = np.nonzero(self.weights > 0)
        shape = (len(self.weights), len(self.source.genes))
        return sparse.csr_matrix((np.ones(len(row)), (row, self.columns[place])), shape=shape)
