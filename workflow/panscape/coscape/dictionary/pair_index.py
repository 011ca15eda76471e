"""Genes of pairs, and entries as products of the loadings of two genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairIndex:
    """Positions of the two genes of every stored pair; all other pairs of the genes are zeros.

    Attributes
    ----------
    first, second
        (P,) positions of the genes; no pair of a gene with itself.
    n_genes
        Number of genes.

    Examples
    --------
    >>> index = PairIndex.of(np.array(["Actb", "Actb"]), np.array(["Pax6", "Sox2"]))
    >>> index.products(np.array([1.0, 0.5, 2.0]))
    array([0.5, 2. ])
    """

    first: np.ndarray
    second: np.ndarray
    n_genes: int

    @classmethod
    def of(cls, gene_a: np.ndarray, gene_b: np.ndarray) -> PairIndex:
        """Index the genes of pairs given by name.

        Raises
        ------
        ValueError
            If there is a pair of a gene with itself.
        """
        names, place = np.unique(np.concatenate([gene_a, gene_b]).astype(str), return_inverse=True)
        first, second = place.reshape(2, -1)
        if (first == second).any():
            raise ValueError("products need two genes: leave out the pairs of a gene with itself")
        return cls(first, second, len(names))

    def at(self, pairs: np.ndarray) -> PairIndex:
        """Return the index of some of the pairs (positions), of the same genes."""
        return PairIndex(self.first[pairs], self.second[pairs], self.n_genes)

    def products(self, loadings: np.ndarray) -> np.ndarray:
        """Return the products of loadings (..., G) at the pairs, (..., P)."""
        return loadings[..., self.first] * loadings[..., self.second]

    def times(self, values: np.ndarray, loadings: np.ndarray) -> np.ndarray:
        """Multiply the symmetric matrix with values (P,) at the pairs by loadings (G,)."""
        return np.bincount(self.first, values * loadings[self.second], self.n_genes) + np.bincount(
            self.second, values * loadings[self.first], self.n_genes
        )
