"""Panclusters x gene pairs with the pairs listed by gene, for sums over the genes of an entry only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.learn import as_columns
from panscape.coscape.dictionary.pair_index import PairIndex


@dataclass(frozen=True)
class PairData:
    """Data of a dictionary of products.

    An entry has a loading for few of the genes. Its products with the data need the pairs of two such genes,
    and the update of its loadings those of at least one: with entries of 45 of 2,000 genes one and four
    pairs of a hundred.

    Attributes
    ----------
    data
        CSC float64 (N, P).
    ends
        The pairs' genes.
    pointer, pair, other
        The pairs of gene g, and the other gene of each, lie at ``pointer[g]:pointer[g + 1]``.

    Examples
    --------
    >>> ends = PairIndex(np.array([0, 0, 1]), np.array([1, 2, 2]), 3)
    >>> pairs = PairData.of(sparse.csr_matrix([[0.5, 0.0, 0.2], [0.0, 1.0, 0.0]]), ends)
    >>> pairs.products(np.array([[1.0, 2.0, 0.0]])).ravel().tolist()
    [1.0, 0.0]
    >>> pairs.pull(np.array([1.0, 0.0]))(np.array([1.0, 2.0, 0.0])).tolist()
    [1.0, 0.5, 0.4]
    """

    data: sparse.csc_matrix
    ends: PairIndex
    pointer: np.ndarray
    pair: np.ndarray
    other: np.ndarray

    @classmethod
    def of(cls, data: sparse.spmatrix, ends: PairIndex) -> PairData:
        """List the pairs of (N, P) sparse data by gene."""
        data = as_columns(data)
        gene = np.concatenate([ends.first, ends.second])
        order = np.argsort(gene, kind="stable")
        count = np.bincount(gene, minlength=ends.n_genes)
        pointer = np.concatenate([[0], np.cumsum(count)])
        other = np.concatenate([ends.second, ends.first])[order]
        return cls(data, ends, pointer, order % max(len(ends.first), 1), other)

    @property
    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.pointer, self.pair, self.other, self.data.indptr, self.data.indices, self.data.data

    def products(self, loadings: np.ndarray) -> np.ndarray:
        """Return the products (N, K) of the data with the entries of loadings (K, G)."""
        from panscape.coscape.dictionary.pair_kernel import add_products

        result = np.zeros((len(loadings), self.data.shape[0]))
        for row, out in zip(loadings, result, strict=True):
            add_products(*self._parts, row, out)
        return np.ascontiguousarray(result.T)

    def pull(self, code: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the product of the symmetric matrix with codeᵀ data at the pairs, and loadings (G,).

        Parameters
        ----------
        code
            (N,) codes of one entry. The sum of a pair is computed when it is first needed.
        """
        from panscape.coscape.dictionary.pair_kernel import add_pull

        code = np.ascontiguousarray(code)
        known, cross = np.zeros(self.data.shape[1], dtype=bool), np.zeros(self.data.shape[1])

        def times(loadings: np.ndarray) -> np.ndarray:
            out = np.zeros(self.ends.n_genes)
            add_pull(*self._parts, code, known, cross, loadings, out)
            return out

        return times

    def residual(self, loadings: np.ndarray, codes: np.ndarray) -> sparse.csr_matrix:
        """Return CSR (N, P): what entries of loadings (K, G) and codes (N, K) leave of the stored values."""
        from panscape.coscape.dictionary.pair_kernel import subtract_fit

        left = self.data.copy()
        codes = np.ascontiguousarray(codes)
        subtract_fit(self.ends.first, self.ends.second, left.indptr, left.indices, left.data, codes, loadings)
        return sparse.csr_matrix(left)
