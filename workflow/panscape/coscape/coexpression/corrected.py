"""Correlations corrected for the noise of counting, and the signal of gene pairs, in all clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.correlation import (
    Survivors,
    cutoff,
    shrink_correlations,
    strongest_pairs,
)
from panscape.coscape.coexpression.nesting import nested_sums
from panscape.coscape.coexpression.pair_rows import BLOCK_ROWS, Passes
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.signal import Signal
from panscape.coscape.coexpression.values import Values
from panscape.log import Progress
from panscape.stats.count_weights import Weights
from panscape.stats.gram import Plan
from panscape.stats.score_sums import ScoreSums, score_sums
from panscape.stats.score_terms import ScoreTerms


def walk_sums(
    values: Values, members: sparse.csr_matrix, plan: Plan, weights: Weights
) -> Iterator[tuple[int, ScoreSums]]:
    """Yield (row, sums) of every cluster, children before their parents.

    Parameters
    ----------
    values, weights
        Counts and weights, with the genes in the order of `plan`.
    members
        As in :func:`panscape.coscape.coexpression.coexpress.coexpress`.
    plan
        Plan of the sums of products.
    """
    return nested_sums(members, lambda cells, into: score_sums(values.counts, weights, cells, plan, into))


def correct_clusters(
    values: Values,
    genes: Sequence[str],
    members: sparse.csr_matrix,
    settings: CoexpressionSettings,
    weights: Weights,
    *,
    signal: bool = False,
    threads: int = 1,
    overwrite: bool = False,
) -> tuple[list[tuple[int, Survivors]], Signal | None]:
    """Compute corrected correlations and, if asked for, the signal of all gene pairs, from the same sums.

    Parameters
    ----------
    values, genes
        Counts of the study's genes, and their names.
    members
        As in :func:`panscape.coscape.coexpression.coexpress.coexpress`.
    settings
        `min_expected`, `eta`, `shrinkage`, `shrinkage_strength` and `max_pairs` are used.
    weights
        From :func:`panscape.coscape.coexpression.weights.fit_weights`.
    signal
        Also compute the signal.
    threads
        Number of threads; the result does not depend on it.
    overwrite
        Reorder the genes of `values` in place, which saves a copy.

    Returns
    -------
    kept : list
        (row of the cluster, its correlations above the threshold).
    signal : Signal or None
        Signal of every pair; None unless asked for.
    """
    plan = Plan.of_counts(values.counts, float(members.nnz), threads)
    found = Signal.empty([genes[gene] for gene in plan.order]) if signal else None
    ordered, weighed = values.reordered(plan.order, overwrite=overwrite), weights.reordered(plan.order)
    sizes = np.diff(members.indptr)
    progress = Progress("cells of clusters", int(sizes.sum()))
    passes = Passes.of_work(len(sizes), len(genes), loaded=plan.compiled)
    kept = []
    for row, sums in walk_sums(ordered, members, plan, weighed):
        survivors = corrected_pairs(sums, weighed, settings, found, passes)
        kept.append((row, survivors.placed(plan.order)))
        progress.add(int(sizes[row]))
    return kept, found.in_order(plan.order, genes) if found is not None else None


def corrected_pairs(
    sums: ScoreSums,
    weights: Weights,
    settings: CoexpressionSettings,
    signal: Signal | None = None,
    passes: Passes | None = None,
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
    passes
        Numpy's or the compiled passes, which give the same; None: numpy's.

    Returns
    -------
    The survivors. A gene that does not vary beyond the noise of counting has no correlation, and no diagonal
    entry, in this cluster.
    """
    passes = passes or Passes()
    whole = ScoreTerms.of(sums, weights.h)
    genes = whole.testable(settings.min_expected)  # in small clusters few genes have a valid pair
    terms, root = whole.of_genes(genes), np.sqrt(max(whole.n, 1))
    shrink = _shrinker(terms, sums, genes, settings)
    varies = whole.variance > 0
    alone = np.setdiff1d(np.flatnonzero(varies), genes)
    kept = [(alone.astype(np.int32), alone.astype(np.int32), np.ones(len(alone), dtype=np.float32))]
    for start, total, noise in _blocks(terms, sums, genes, settings.min_expected):
        if signal is not None:
            score = total / (noise * root)
            signal.add_block(score, start, genes, terms.detected, terms.n, settings.min_expected, passes)
        r = shrink(*_correlations(terms, total, noise, start))
        kept.append(passes.take(r, start, genes, varies[genes], cutoff(settings.eta)))
    return strongest_pairs(Survivors(*map(np.concatenate, zip(*kept, strict=True))), settings.max_pairs)


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
    sums = score_sums(values.counts, weights, np.arange(len(counts)), plan)
    kept = corrected_pairs(sums, weights, settings)
    return int((kept.first != kept.second).sum())


def _blocks(
    terms: ScoreTerms, sums: ScoreSums, genes: np.ndarray, min_expected: float
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield (first gene, N, root of its variance) of blocks of rows."""
    for start in range(0, len(genes), BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, len(genes))
        products = np.take(sums.moments.products[genes[start:stop]], genes[start:], axis=1)
        yield start, *terms.rows(products, start, stop, min_expected)


def _correlations(
    terms: ScoreTerms, total: np.ndarray, noise: np.ndarray, start: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return correlations of expression, from N, and their standard errors under independence.

    Where a pair is not valid, or a gene does not vary beyond the noise of counting, they are 0 and infinite.
    """
    scale = terms.scale(start, start + len(total))
    varies = scale > 0
    error = np.full_like(noise, np.inf)
    np.divide(noise, scale, out=error, where=varies)
    r = np.zeros_like(total)
    np.divide(total, scale, out=r, where=varies)
    return np.clip(r, -1, 1, out=r), error


def _shrinker(terms: ScoreTerms, sums: ScoreSums, genes: np.ndarray, settings: CoexpressionSettings):
    """Return the function (r, standard error) -> shrunk r of the settings."""
    prior = 1.0
    if settings.shrinkage == "posterior":
        prior = _prior_variance(terms, sums, genes, settings)
    return partial(_shrink, settings=settings, prior=prior)


def _shrink(r: np.ndarray, error: np.ndarray, settings: CoexpressionSettings, prior: float) -> np.ndarray:
    how, strength = settings.shrinkage, settings.shrinkage_strength
    return shrink_correlations(r, 0, how, strength, prior, error=error)


def _prior_variance(
    terms: ScoreTerms, sums: ScoreSums, genes: np.ndarray, settings: CoexpressionSettings
) -> float:
    """Estimate the variance of the true z over pairs: the variance of z in excess of its error."""
    total, number = 0.0, 0
    for start, products, noise in _blocks(terms, sums, genes, settings.min_expected):
        r, error = _correlations(terms, products, noise, start)
        known = np.triu(np.isfinite(error), 1)
        z = np.arctanh(np.clip(r[known], -1 + 1e-12, 1 - 1e-12))
        total += float((z**2 - error[known] ** 2).sum())
        number += int(known.sum())
    return max(total / max(number, 1), 0.0)
