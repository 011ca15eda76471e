"""Coexpression matrices of all clusters of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.chance import chance_table, edges_per_cluster, sampled_chance
from panscape.coscape.coexpression.corrected import correct_clusters
from panscape.coscape.coexpression.correlation import Survivors, correlate_pairs
from panscape.coscape.coexpression.expression import cluster_expression, expand_to_genes
from panscape.coscape.coexpression.nesting import nested_sums
from panscape.coscape.coexpression.pair_rows import Passes
from panscape.coscape.coexpression.screen import WORTH, can_screen, screen_pairs
from panscape.coscape.coexpression.settings import CORRECTED, CoexpressionSettings
from panscape.coscape.coexpression.signal import Signal
from panscape.coscape.coexpression.values import Values, row_blocks
from panscape.coscape.coexpression.weights import fit_weights
from panscape.data.counts import Counts
from panscape.log import Progress, logger
from panscape.seeds import stream
from panscape.stats.gram import Plan, moments
from panscape.stats.sparse_ranks import tied_ranks

if TYPE_CHECKING:
    from anndata import AnnData

DISTINCT_LOGARITHMS = 100_000  # float32 logarithms of smaller whole numbers differ


@dataclass(frozen=True)
class Coexpression:
    """Coexpression matrices of a study's clusters.

    Attributes
    ----------
    matrix
        CSR float32, clusters x pairs: correlations, 0 where below the cutoff.
    pairs
        Columns `gene_a`, `gene_b`: the upper triangle with its diagonal, in the order of the genes, of the
        pairs above the threshold in any cluster. A diagonal pair is 1 where the gene varies in the cluster.
    expression
        AnnData, clusters x genes, see :func:`panscape.coscape.coexpression.expression.cluster_expression`.
    chance
        Number of pairs that pass by chance in a sample of clusters, see
        :func:`panscape.coscape.coexpression.chance.sampled_chance`.
    signal
        Signal of every pair, if it was asked for, see
        :func:`panscape.coscape.coexpression.signal.choose_pairs`.
    """

    matrix: sparse.csr_matrix
    pairs: pd.DataFrame
    expression: AnnData
    chance: pd.DataFrame
    signal: Signal | None = None


def coexpress(
    counts: Counts | str | Path,
    genes: Sequence[str],
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    settings: CoexpressionSettings | Mapping[str, Any],
    *,
    all_genes: Sequence[str] | None = None,
    signal: bool = False,
    threads: int = 1,
    seed: int = 0,
) -> Coexpression:
    """Correlate all gene pairs within every cluster and keep strong correlations.

    Parameters
    ----------
    counts
        The study's raw counts, or the path of its ``counts.h5ad``.
    genes
        Genes that the study measures, which define the order of the pairs.
    clusters, members
        As :func:`panscape.coscape.panclust.pancluster.pancluster` returns them.
    settings
        A :class:`CoexpressionSettings` or a mapping with its keys.
    all_genes
        Genes of the collection, which include `genes` in the same order: columns of the expression, NaN for
        genes not measured by the study. None takes `genes`.
    signal
        Also compute the signal of every pair, which the corrected distance of landscapes needs.
    threads
        Threads to use; the result does not depend on them.
    seed
        Seed of the permutations that count pairs by chance.

    Raises
    ------
    KeyError
        If a gene is not in the file.
    ValueError
        If clusters, members and cells do not match, or a setting is out of its range.

    Notes
    -----
    Normalised values are rounded to float32, so that they are the same on every processor. Their correlations
    are computed in float64, agree with numpy and scipy on these values to about 1e-10, and are stored as
    float32. Few genes x genes matrices of nested clusters are in memory at a time. Spearman's ranks
    use the same values, so that equal ratios tie.
    """
    from threadpoolctl import threadpool_limits

    chosen, genes = CoexpressionSettings.of(settings), list(genes)
    values = Values.load(counts, genes, chosen.normalisation)
    members = sparse.csr_matrix(members)
    if members.shape != (len(clusters), values.counts.shape[0]):
        raise ValueError(
            f"members is {members.shape[0]} x {members.shape[1]}, but there are {len(clusters)} clusters "
            f"and {values.counts.shape[0]} cells"
        )
    expression = cluster_expression(values, members, clusters, genes, chosen.expression)
    expression = expand_to_genes(expression, all_genes)
    weights, found = None, None
    kept: Iterable[tuple[int, Survivors]]
    with threadpool_limits(threads):
        if chosen.estimator == CORRECTED:
            weights = fit_weights(values, members)
        rng = stream(seed, "chance")
        chance = sampled_chance(values, clusters, members, chosen, rng, weights=weights)
        # from here on, the values may be written over
        if weights is not None:
            given = values, genes, members, chosen, weights
            kept, found = correct_clusters(*given, signal=signal, threads=threads, overwrite=True)
        else:
            found = Signal.empty(genes) if signal else None
            kept = correlate_clusters(values, members, chosen, threads, signal=found, overwrite=True)
        matrix, pairs = _assemble(kept, genes, len(clusters))
    sizes = clusters[["cluster"]].assign(n_cells=np.diff(members.indptr))
    table = chance_table(sizes, chance, edges_per_cluster(matrix, pairs))
    logger.info("%d correlations kept, of %d pairs, in %d clusters", matrix.nnz, *matrix.shape[::-1])
    return Coexpression(matrix, pairs, expression, table, found)


def correlate_clusters(
    values: Values,
    members: sparse.csr_matrix,
    settings: CoexpressionSettings,
    threads: int = 1,
    n_sparse: int | None = None,
    signal: Signal | None = None,
    *,
    overwrite: bool = False,
) -> Iterator[tuple[int, Survivors]]:
    """Yield (row of the cluster, its Pearson's or Spearman's correlations above the threshold).

    Parameters
    ----------
    values
        Values of all cells.
    members, settings, threads
        As in :func:`coexpress`.
    n_sparse
        Number of genes on the sparse route, for tests and benchmarks; None chooses it by the detection.
    signal
        Sums over no cluster, of the genes of `values`; at the end they are those of Pearson's correlations.
    overwrite
        Write normalised values over the counts, which saves their memory.
    """
    plan = Plan.of_counts(values.counts, float(members.nnz), threads, n_sparse)
    logger.info("%d of %d genes take the sparse route", plan.n_sparse, len(plan.order))
    ordered = values.reordered(plan.order, overwrite=overwrite)
    overwrite |= ordered is not values
    part = None if signal is None else Signal.empty(signal.genes[plan.order])
    walk: Iterator[tuple[int, Survivors]]
    if settings.estimator == "pearson":
        normalised = ordered.all_normalised(overwrite=overwrite)
        walk = _pearson(normalised, members, settings, plan, part)
    else:
        if part is not None:  # the signal is that of Pearson's correlations
            normalised = ordered.all_normalised()
            for _ in _pearson(normalised, members, replace(settings, eta=1.0), plan, part):
                pass
        walk = _spearman(ordered, members, settings, plan, overwrite)
    sizes = np.diff(members.indptr)
    progress = Progress("cells of clusters", int(sizes.sum()))
    for row, survivors in walk:
        yield row, survivors.placed(plan.order)
        progress.add(int(sizes[row]))
    if signal is not None and part is not None:
        part.place_into(signal, plan.order)


def _pearson(normalised, members, settings, plan, signal) -> Iterator[tuple[int, Survivors]]:
    """Correlate each cluster from the sums of its cells."""
    passes = Passes.of_work(members.shape[0], len(plan.order), loaded=plan.compiled)
    blocks = partial(row_blocks, normalised)
    for row, sums in nested_sums(members, lambda cells, into: moments(blocks(cells), plan, into)):
        centred = _centred(partial(blocks, _cells(members, row)))
        yield row, correlate_pairs(sums, settings, centred, signal=signal, passes=passes)


def _cells(members: sparse.csr_matrix, row: int) -> np.ndarray:
    return members.indices[members.indptr[row] : members.indptr[row + 1]]


def _spearman(values, members, settings, plan, overwrite: bool) -> Iterator[tuple[int, Survivors]]:
    """Rank the values within every cluster and correlate the ranks."""
    levels, width = _levels(values, overwrite)
    fraction = 0.0 if can_screen(settings) else 1.0
    passes = Passes.of_work(members.shape[0], len(plan.order), loaded=plan.compiled)
    for row in range(members.shape[0]):
        cells = _cells(members, row)
        part = levels[cells] if len(cells) < levels.shape[0] else levels
        ranks = tied_ranks(part, width, compiled=plan.compiled)
        if fraction <= WORTH:  # decided by the previous cluster; the result does not depend on it
            survivors, fraction = screen_pairs(
                ranks, plan, settings, lambda part: _centred(partial(row_blocks, part)), passes
            )
            yield row, survivors
            continue
        sums = moments(row_blocks(ranks), plan)
        yield row, correlate_pairs(sums, settings, _centred(partial(row_blocks, ranks)), passes=passes)


def _levels(values: Values, overwrite: bool = False) -> tuple[sparse.csr_matrix, np.ndarray | None]:
    """Return values with the ranks of the normalised ones: int32 counts with their width, or float32.

    See :func:`panscape.stats.sparse_ranks.tied_ranks` for the width; `overwrite` writes the normalised values
    over the counts.
    """
    counts = values.counts
    if values.how == "log1p" and counts.data.max(initial=0) < DISTINCT_LOGARITHMS:
        integers = counts.data.astype(np.int32)
        if np.array_equal(integers, counts.data):
            width = np.ones(counts.shape[1], dtype=np.int64)
            np.maximum.at(width, counts.indices.astype(np.intp), integers.astype(np.int64) + 1)
            return sparse.csr_matrix((integers, counts.indices, counts.indptr), shape=counts.shape), width
    return values.all_normalised(overwrite=overwrite), None


def _centred(blocks: Callable[[], Iterator[sparse.csr_matrix]]):
    """Return a function for exact co-sums of nearly constant genes, see :func:`correlate_pairs`."""

    def columns(genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = np.concatenate([block[:, genes].toarray() for block in blocks()]).astype(np.float64)
        varies = values.max(axis=0) > values.min(axis=0)
        for _ in range(2):  # the second pass removes the rounding error of the mean
            values -= values.mean(axis=0)
        sums, start = 0.0, 0
        for block in blocks():
            sums = sums + block.T @ values[start : start + block.shape[0]]
            start += block.shape[0]
        exact = np.asarray(sums).T
        exact[:, genes] = values.T @ values
        return exact, varies

    return columns


def _assemble(
    kept: Iterable[tuple[int, Survivors]], genes: Sequence[str], n_clusters: int
) -> tuple[sparse.csr_matrix, pd.DataFrame]:
    """Assemble one CSR matrix of all clusters; columns are the pairs above the threshold in any."""
    n_genes = len(genes)
    n_pairs = n_genes * (n_genes + 1) // 2
    starts = np.arange(n_genes, dtype=np.int64) * (2 * n_genes - np.arange(n_genes) + 1) // 2
    small = np.int32 if n_pairs < 2**31 else np.int64
    used = np.zeros(n_pairs, dtype=bool)
    rows: list = [None] * n_clusters
    for row, survivors in kept:
        flat = (starts[survivors.first] + survivors.second - survivors.first).astype(small)
        order = np.argsort(flat)
        used[flat] = True
        rows[row] = (flat[order], survivors.value[order])
    number = np.cumsum(used, dtype=small) - 1
    indptr = np.concatenate([[0], np.cumsum([len(flat) for flat, _ in rows], dtype=np.int64)])
    if indptr[-1] < 2**31:
        indptr = indptr.astype(small)
    columns = np.concatenate([number[flat].astype(indptr.dtype) for flat, _ in rows])
    data = np.concatenate([value for _, value in rows])
    matrix = sparse.csr_matrix((data, columns, indptr), shape=(n_clusters, int(used.sum())))
    flat = np.flatnonzero(used)
    first = np.searchsorted(starts, flat, side="right") - 1
    names = np.asarray(genes, dtype=object)
    return matrix, pd.DataFrame({"gene_a": names[first], "gene_b": names[flat - starts[first] + first]})
