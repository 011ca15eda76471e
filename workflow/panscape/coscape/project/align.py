"""Alignment of new coexpression to the gene pairs of a finished collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.coscape.dictionary.coding import lasso_codes
from panscape.errors import fail
from panscape.log import logger


@dataclass(frozen=True)
class Reference:
    """A fitted dictionary with the panclusters it was fitted on.

    Attributes
    ----------
    entries
        CSR (K, P), rows of norm 1.
    matrix
        CSR (N, P): the panclusters' values.
    gene_a, gene_b
        (P,) genes of the pairs, gene_a before gene_b in the order of `genes`.
    genes
        Genes that were analysed.
    study
        (N,) study of each pancluster.
    """

    entries: sparse.csr_matrix
    matrix: sparse.csr_matrix
    gene_a: np.ndarray
    gene_b: np.ndarray
    genes: Sequence[str]
    study: np.ndarray


@dataclass(frozen=True)
class Aligned:
    """Reference and new data over the pairs of genes analysed in both.

    Attributes
    ----------
    entries, matrix, new
        CSR (K, Q), (N, Q), (M, Q).
    fraction
        Fraction of the entries' squared weight in the Q pairs.
    """

    entries: sparse.csr_matrix
    matrix: sparse.csr_matrix
    new: sparse.csr_matrix
    fraction: float


def align_pairs(
    reference: Reference,
    matrix: sparse.csr_matrix,
    gene_a: np.ndarray,
    gene_b: np.ndarray,
    genes: Sequence[str],
    *,
    low: float = 0.5,
) -> Aligned:
    """Align new coexpression to the reference's pairs.

    A pair of analysed genes that is not stored in the new study is a true 0; a pair with a gene that was not
    analysed is excluded from both. New pairs outside the dictionary are dropped.

    Parameters
    ----------
    reference
        The fitted dictionary.
    matrix, gene_a, gene_b, genes
        (M, P') values of the new panclusters, genes of the pairs, genes analysed.
    low
        Fraction of the dictionary's weight within shared genes below which a warning is logged.

    Raises
    ------
    UserError
        If no gene is shared.
    """
    known = set(genes)
    both = np.array(
        [a in known and b in known for a, b in zip(reference.gene_a, reference.gene_b, strict=True)]
    )
    shared = len(known.intersection(reference.genes))
    if shared == 0 or not both.any():
        raise fail(
            "project.reference",
            f"the new studies share {shared} of the {len(reference.genes)} genes of the fitted dictionary",
            "analyse the same genes with the same type of gene names",
        )
    weight = reference.entries.multiply(reference.entries)
    fraction = float(weight[:, np.flatnonzero(both)].sum() / max(weight.sum(), np.finfo(float).tiny))
    message = "%d of %d reference genes and %.0f %% of the dictionary's weight are shared"
    log = logger.warning if fraction < low else logger.info
    log(message, shared, len(reference.genes), 100 * fraction)
    columns = np.flatnonzero(both)
    place = {
        frozenset(pair): i
        for i, pair in enumerate(zip(reference.gene_a[columns], reference.gene_b[columns], strict=True))
    }
    source = sparse.coo_matrix(matrix)
    target = np.array(
        [place.get(frozenset(pair), -1) for pair in zip(gene_a, gene_b, strict=True)], dtype=int
    )
    kept = target[source.col] >= 0
    new = sparse.csr_matrix(
        (source.data[kept], (source.row[kept], target[source.col[kept]])),
        shape=(source.shape[0], len(columns)),
    )
    return Aligned(reference.entries[:, columns], reference.matrix[:, columns], new, fraction)


def project_codes(aligned: Aligned, *, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of the new (M, K) and of the reference's panclusters (N, K) for the fixed entries."""
    gram = (aligned.entries @ aligned.entries.T).toarray()
    new, old = (
        lasso_codes(gram, (rows @ aligned.entries.T).toarray(), alpha)
        for rows in (aligned.new, aligned.matrix)
    )
    return new, old
