"""Choices besides the threshold that a landscape of the corrected distance depends on, each changed alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.vectors import Vectors, coexpression_vectors, scores_of
from panscape.log import logger
from panscape.seeds import stream


@dataclass(frozen=True)
class Variant:
    """A landscape with one choice changed.

    Parameters
    ----------
    varied, value
        The choice, and what is chosen instead.
    vectors
        Vectors and distances of the clusters at `rows`.
    rows
        Positions of these clusters among those of the landscape, ascending.
    settings
        Settings of the embedding.
    used_pairs
        (len(rows),) number of pairs that each cluster has for distances.
    """

    varied: str
    value: str
    vectors: Vectors
    rows: np.ndarray
    settings: LandscapeSettings
    used_pairs: np.ndarray


def corrected_variants(
    data: Combined,
    vectors: Vectors,
    root: int | None,
    settings: LandscapeSettings,
    *,
    n_neighbors: Sequence[int],
    splits: int,
    seed: int,
    rescored: Mapping[str, Scores] | None = None,
) -> Iterator[Variant]:
    """Yield the landscapes with one choice changed: neighbours, clusters, genes, weights, estimator.

    Numbers of neighbours and subsets of the clusters share the distances of the landscape. The others need
    inner products of their own, of one variant at a time.

    Parameters
    ----------
    data, vectors, settings
        Clusters, with scores, and vectors of the landscape, and its settings.
    root
        Position of the root, which is in every subset of the clusters; None for none.
    n_neighbors
        Single numbers of neighbours, in place of the median over several.
    splits
        How often clusters and genes are divided into two random halves.
    seed
        Seed of the halves.
    rescored
        Other estimator -> scores of the same clusters and pairs.
    """
    everything = np.arange(len(data.clusters))
    main = Variant("", "", vectors, everything, settings, data.clusters["n_used_pairs"].to_numpy())
    for k in n_neighbors:
        one = replace(settings, n_neighbors=k, neighbor_sweep=(), clip=None)
        yield replace(main, varied="neighbours", value=str(k), settings=one)
    for value, rows in _subsets(data, root, splits, seed):
        yield replace(
            main, varied="clusters", value=value, vectors=vectors.subset(rows), rows=rows,
            used_pairs=main.used_pairs[rows],
        )  # fmt: skip
    for varied, value, scores in _rescored(scores_of(data), len(data.genes), splits, seed, rescored or {}):
        if len(scores.pairs) < max(settings.min_pairs, 1):
            logger.warning("%s, %s: %d pairs are too few for distances", varied, value, len(scores.pairs))
            continue
        used = np.diff(scores.matrix.indptr).astype(np.int64)
        other = replace(data, clusters=data.clusters.assign(n_used_pairs=used), scores=scores)
        yield replace(
            main, varied=varied, value=value, vectors=coexpression_vectors(other, settings), used_pairs=used
        )


def _subsets(data: Combined, root: int | None, splits: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield subsets of the clusters: without one resolution, and random halves; the root is in all."""
    always = np.arange(len(data.clusters)) == (-1 if root is None else root)
    resolution = data.clusters["resolution"].to_numpy(dtype=np.float64)
    distinct = np.unique(resolution[np.isfinite(resolution)])  # all cells of a study have none
    if len(distinct) > 1:
        for one in distinct:
            yield f"without resolution {one:g}", np.flatnonzero((resolution != one) | always)
    for name, half in _halves("clusters", len(always), splits, seed):
        yield name, np.flatnonzero(half | always)


def _rescored(
    scores: Scores, n_genes: int, splits: int, seed: int, rescored: Mapping[str, Scores]
) -> Iterator[tuple[str, str, Scores]]:
    """Yield scores of half of the genes, of other weights and of other estimators."""
    for name, half in _halves("genes", n_genes, splits, seed):
        yield "genes", name, scores.of_pairs(np.flatnonzero(half[scores.pairs].all(axis=1)))
    yield "weights", "1 for all pairs", replace(scores, weight=np.ones_like(scores.weight))
    heaviest = np.argsort(-scores.weight, kind="stable")[: (len(scores.weight) + 1) // 2]
    yield "weights", "half of the pairs, of largest weight", scores.of_pairs(np.sort(heaviest))
    for estimator, other in rescored.items():
        yield "estimator", estimator, other


def _halves(what: str, count: int, splits: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    rng = stream(seed, "sensitivity", what)
    for number in range(splits):
        half = rng.permutation(count) < count // 2
        yield f"random half {2 * number + 1}", half
        yield f"random half {2 * number + 2}", ~half
