"""Correlations corrected for the noise of counting, and the signal of gene pairs, in all clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.correlation import (
    Survivors,
    join_survivors,
    shrink_correlations,
    strong_pairs,
    strongest_pairs,
)
from panscape.coscape.coexpression.nesting import nested_sums
from panscape.coscape.coexpression.score_sums import ScoreSums, score_sums
from panscape.coscape.coexpression.score_terms import ScoreTerms
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.signal import BLOCK_ROWS, Signal
from panscape.coscape.coexpression.values import Values
from panscape.coscape.coexpression.weights import Weights
from panscape.log import Progress
from panscape.stats.gram import Plan


def walk_sums(
    values: Values, clusters: pd.DataFrame, members: sparse.csr_matrix, plan: Plan, weights: Weights
) -> Iterator[tuple[int, ScoreSums]]:
    """Yield (row, sums) of every cluster, children before their parents.

    Parameters
    ----------
    values, weights
        Counts and weights, with the genes in the order of `plan`.
    clusters, members
        As in :func:`panscape.coscape.coexpression.coexpress.coexpress`.
    plan
        Plan of the sums of products.
    """
    return nested_sums(members, clusters, lambda cells, into: score_sums(values, weights, cells, plan, into))


def correct_clusters(
    values: Values,
    genes: Sequence[str],
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    settings: CoexpressionSettings,
    weights: Weights,
    *,
    signal: bool = False,
    threads: int = 1,
) -> tuple[list[tuple[int, Survivors]], Signal | None]:
    """Compute corrected correlations and, if asked for, the signal of all gene pairs, from the same sums.

    Parameters
    ----------
    values, genes
        Counts of the study's genes, and their names.
    clusters, members
        As in :func:`panscape.coscape.coexpression.coexpress.coexpress`.
    settings
        `min_expected`, `eta`, `shrinkage`, `shrinkage_strength` and `max_pairs` are used.
    weights
        From :func:`panscape.coscape.coexpression.weights.fit_weights`.
    signal
        Also compute the signal.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    kept : list
        (row of the cluster, its correlations above the threshold).
    signal : Signal or None
        Signal of every pair; None unless asked for.
    """
    plan = Plan.of_counts(values.counts, float(members.nnz), threads)
    found = Signal.empty([genes[gene] for gene in plan.order]) if signal else None
    ordered, weighed = values.reordered(plan.order), weights.reordered(plan.order)
    sizes = np.diff(members.indptr)
    progress = Progress("cells of clusters", int(sizes.sum()))
    kept = []
    for row, sums in walk_sums(ordered, clusters, members, plan, weighed):
        survivors = corrected_pairs(sums, weighed, settings, found)
        kept.append((row, survivors.placed(plan.order)))
        progress.add(int(sizes[row]))
    return kept, found.in_order(plan.order, genes) if found is not None else None


def corrected_pairs(
    sums: ScoreSums, weights: Weights, settings: CoexpressionSettings, signal: Signal | None = None
) -> Survivors:
    """Compute all corrected correlations of a cluster and return the strong ones.

    Parameters
    ----------
    sums, weights
        Sums of the cluster, and the weights of the study.
    settings
        As in :func:`correct_clusters`.
    signal
        Sums of signal to which the cluster is added.

    Returns
    -------
    The survivors. A gene that does not vary beyond the noise of counting has no correlation, and no diagonal
    entry, in this cluster.
    """
    terms = ScoreTerms.of(sums, weights.h)
    varies = terms.variance > 0
    shrink = _shrinker(terms, sums, settings)
    parts = []
    for start, stop, score in _score_rows(terms, sums, settings.min_expected):
        if signal is not None:
            signal.add_rows(score, start, terms.n)
        r = shrink(*terms.correlations(score, start, stop))
        parts.append(strong_pairs(r, start, varies, settings.eta))
    return strongest_pairs(join_survivors(parts), settings.max_pairs)


def permuted_edges(
    counts: np.ndarray, depth: np.ndarray, weights: Weights, settings: CoexpressionSettings
) -> int:
    """Count the pairs of two genes that pass in one cluster of dense counts.

    Parameters
    ----------
    counts
        (n_cells, n_genes) counts of the cluster, e.g. after a permutation.
    depth
        (n_cells,) total counts.
    weights
        Weights of these cells and genes.
    settings
        Settings of the correlations.
    """
    values = Values(sparse.csr_matrix(counts), depth, settings.normalisation, 1.0)
    plan = Plan(np.arange(counts.shape[1]), 0)
    kept = corrected_pairs(score_sums(values, weights, np.arange(len(counts)), plan), weights, settings)
    return int((kept.first != kept.second).sum())


def _score_rows(
    terms: ScoreTerms, sums: ScoreSums, min_expected: float
) -> Iterator[tuple[int, int, np.ndarray]]:
    for start in range(0, len(terms.mean), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(terms.mean))
        yield start, stop, terms.rows(sums.moments.products, start, stop, min_expected)


def _shrinker(terms: ScoreTerms, sums: ScoreSums, settings: CoexpressionSettings):
    """Return the function (r, standard error) -> shrunk r of the settings."""
    prior = 1.0
    if settings.shrinkage == "posterior":
        prior = _prior_variance(terms, sums, settings)
    return partial(_shrink, settings=settings, prior=prior)


def _shrink(r: np.ndarray, error: np.ndarray, settings: CoexpressionSettings, prior: float) -> np.ndarray:
    how, strength = settings.shrinkage, settings.shrinkage_strength
    return shrink_correlations(r, 0, how, strength, prior, error=error)


def _prior_variance(terms: ScoreTerms, sums: ScoreSums, settings: CoexpressionSettings) -> float:
    """Estimate the variance of the true z over pairs: the variance of z in excess of its error."""
    total, number = 0.0, 0
    for start, stop, score in _score_rows(terms, sums, settings.min_expected):
        r, error = terms.correlations(score, start, stop)
        known = np.triu(np.isfinite(error), 1)
        z = np.arctanh(np.clip(r[known], -1 + 1e-12, 1 - 1e-12))
        total += float((z**2 - error[known] ** 2).sum())
        number += int(known.sum())
    return max(total / max(number, 1), 0.0)
