"""Similarity of new panclusters to those of a reference, by the distance of its landscape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.graph.measured import Measured
from panscape.stats.decomposition import symmetric_eigen
from panscape.stats.rows import unit_rows


@dataclass(frozen=True)
class Similarity:
    """Similarity by coexpression, at most 1.

    Attributes
    ----------
    near
        (M, N), of the new panclusters with those of the reference: 1 minus the distance, 0 where they have
        nothing in common.
    known, new
        (N, N) and (M, N): kernel to predict with, of the reference's panclusters with each other, and of the
        new ones with them.
    """

    near: np.ndarray
    known: np.ndarray
    new: np.ndarray

    @classmethod
    def cosine(cls, matrix: sparse.csr_matrix, new: sparse.csr_matrix) -> Similarity:
        """Return the cosine of thresholded correlations.

        Parameters
        ----------
        matrix, new
            CSR (N, Q) and (M, Q).
        """
        unit = unit_rows(matrix)
        near = (unit_rows(new) @ unit.T).toarray()
        return cls(near, (unit @ unit.T).toarray(), near)

    @classmethod
    def debiased(
        cls, reference: Scores, new: Scores, measured: np.ndarray | None = None, *, min_pairs: int = 0
    ) -> Similarity:
        """Return 1 minus the corrected distance without its standard errors, and the kernel next to it.

        The matrix of debiased cosines has negative eigenvalues, which predictions from it would multiply: in
        the kernel they are set to 0, and its diagonal to 1.

        Parameters
        ----------
        reference, new
            Scores of N and M panclusters for the same pairs.
        measured
            bool (N + M, n_genes): genes that each pancluster's study measures; None: all.
        min_pairs
            Minimum number of valid pairs of a pancluster; others are similar to none.

        Examples
        --------
        >>> t = sparse.csr_matrix(np.array([[0.5, 0.4], [0.1, -0.5]], dtype=np.float32))
        >>> pairs, size = np.array([[0, 1], [0, 2]]), np.array([100.0, 90])
        >>> scores = Scores(t, pairs, np.ones(2), sparse.csr_matrix(np.diag(size)), size)
        >>> (Similarity.debiased(scores, scores).near > 0.9).tolist()
        [[True, False], [False, True]]
        """
        scores = stack_scores([reference, new])
        if scores is None:
            raise ValueError("both need scores")
        number, groups = len(reference.size), None
        if measured is not None:
            genes, group = np.unique(measured, axis=0, return_inverse=True)
            columns = genes[:, scores.pairs[:, 0]] & genes[:, scores.pairs[:, 1]]
            groups = Measured(group.reshape(-1), columns)
        enough = np.diff(scores.matrix.indptr) >= min_pairs
        # the estimate: an upper limit would tell small panclusters from all others, also from their own kind
        distances, defined = debiased_distances(scores, groups, enough=enough, errors=0.0)
        near = np.clip(1 - np.where(np.isfinite(distances), distances, 1), -1, 1)
        near[~defined], near[:, ~defined] = 0, 0
        kernel = _kernel(near)
        return cls(near[number:, :number], kernel[:number, :number], kernel[number:, :number])


def _kernel(near: np.ndarray) -> np.ndarray:
    """Return a symmetric matrix without its negative eigenvalues, scaled to a diagonal of 1."""
    values, vectors = symmetric_eigen((near + near.T) / 2)
    kernel = (vectors * np.maximum(values, 0)) @ vectors.T
    length = np.sqrt(np.maximum(kernel.diagonal(), 0))
    scale = np.divide(1, length, out=np.zeros_like(length), where=length > 1e-6)
    kernel *= np.multiply.outer(scale, scale)
    np.fill_diagonal(kernel, 1)
    return kernel
