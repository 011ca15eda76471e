"""The scores of a study's clusters for the pairs chosen in a collection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.pair_scores import score_pairs
from panscape.coscape.coexpression.settings import CORRECTED
from panscape.coscape.coexpression.values import Values
from panscape.coscape.coexpression.weights import fit_weights
from panscape.data.counts import Counts
from panscape.stats.count_weights import Weights


def score_study(
    counts: Counts | str | Path,
    genes: Sequence[str],
    members: sparse.csr_matrix,
    chosen: pd.DataFrame,
    *,
    estimator: str = "pearson",
    normalisation: str = "depth-log1p",
    min_expected: float = 10.0,
    threads: int = 1,
) -> sparse.csr_matrix:
    """Return T of every cluster of a study for the chosen pairs, from its counts.

    T is the score statistic with the estimator ``"corrected"``, otherwise Pearson's correlation; both have
    the variance 1 / n in a cluster of n cells where genes are independent.

    Parameters
    ----------
    counts
        The study's raw counts, or the path of its ``counts.h5ad``.
    genes
        Genes that the study measures.
    members
        CSR (n_clusters, n_cells).
    chosen
        Pairs, `gene_a` and `gene_b`, from :func:`panscape.coscape.coexpression.signal.choose_pairs`.
    estimator, normalisation
        See :class:`panscape.coscape.coexpression.settings.CoexpressionSettings`.
    min_expected
        A pair is valid in a cluster where at least so many cells would have counts of both genes by chance.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    CSR float32 (n_clusters, len(chosen)); nothing is stored where a pair is not valid or not measured.
    """
    members = sparse.csr_matrix(members)
    values, weights, pairs, columns = load_study(counts, genes, members, chosen, estimator, normalisation)
    part = score_pairs(values, members, pairs, weights, min_expected=min_expected, threads=threads)
    return among_chosen(part, columns, len(chosen))


def load_study(
    counts: Counts | str | Path,
    genes: Sequence[str],
    members: sparse.csr_matrix,
    chosen: pd.DataFrame,
    estimator: str,
    normalisation: str,
) -> tuple[Values, Weights | None, np.ndarray, np.ndarray]:
    """Load what the scores of a study are computed from; parameters as in :func:`score_study`.

    Returns
    -------
    values, weights
        Counts and their weights; None unless the estimator is the corrected one. The counts are of the genes
        of the pairs; those of all genes with weights, which are fitted to them.
    pairs
        int (n_pairs, 2): genes of those chosen pairs that the study measures, positions in `values`.
    columns
        int: positions of these pairs among the chosen ones.
    """
    index = pd.Index(list(genes))
    if estimator != CORRECTED:
        index = index[index.isin(chosen["gene_a"]) | index.isin(chosen["gene_b"])]
    values = Values.load(counts, list(index), normalisation)
    pairs = np.stack([index.get_indexer(chosen[name]) for name in ("gene_a", "gene_b")], axis=1)
    columns = np.flatnonzero((pairs >= 0).all(axis=1))
    weights = fit_weights(values, members) if estimator == CORRECTED else None
    return values, weights, pairs[columns], columns


def among_chosen(part: sparse.csr_matrix, columns: np.ndarray, number: int) -> sparse.csr_matrix:
    """Return scores of measured pairs as those of all chosen ones, with nothing stored for the others.

    Parameters
    ----------
    part
        CSR (n_clusters, n_measured).
    columns
        Positions of its pairs among the chosen ones.
    number
        Number of chosen pairs.
    """
    indices = columns[part.indices].astype(np.int32)
    return sparse.csr_matrix((part.data, indices, part.indptr), shape=(part.shape[0], number))
