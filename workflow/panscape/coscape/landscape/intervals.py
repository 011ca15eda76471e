"""Intervals of pseudotime, from draws of the cells and samples of every study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.drawn_study import DrawnStudy
from panscape.coscape.landscape.other_spaces import COEXPRESSION, embed_with_settings
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.units import CELL
from panscape.graph.measured import Measured
from panscape.log import Progress, logger

LOW, HIGH = 2.5, 97.5  # percentiles
REACHED = 0.5  # fraction of the draws that must reach a cluster for it to have an interval
FIRM = 0.9  # fraction of the draws that must reach a cluster for it to be placed
WIDEST = 0.5  # fraction of the ordered clusters that the interval of a placed cluster may span
PLACEMENT = "placement"
PLACED, UNCERTAIN, UNCONNECTED = "placed", "uncertain", "unconnected"


def drawn_pseudotimes(
    studies: Sequence[DrawnStudy],
    pairs: np.ndarray,
    weight: np.ndarray,
    clusters: pd.DataFrame,
    root: int,
    settings: LandscapeSettings,
    seed: int,
    *,
    threads: int = 1,
) -> np.ndarray:
    """Return the pseudotime of every cluster in every draw of cells and samples.

    Clusters, pairs, weights of pairs and root are those of the landscape; correlations, distances, graphs and
    pseudotime are computed anew in every draw.

    Parameters
    ----------
    studies
        In the order of the landscape.
    pairs
        int64 (n_pairs, 2): genes of the chosen pairs, positions among those of the collection.
    weight
        (n_pairs,) weights of the pairs.
    clusters
        One row per cluster of the landscape: `n_used_pairs`, and `multiplicity` if duplicates are kept.
    root
        Position of the root.
    settings
        The landscape's.
    seed
        The collection's seed.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    (n_draws, n_clusters), NaN where the root does not reach a cluster.
    """
    number = settings.n_draws
    times = np.full((number, len(clusters)), np.nan)
    if number == 0:
        return times
    group = np.repeat(np.arange(len(studies)), [study.members.shape[0] for study in studies])
    measured = np.stack([np.isin(np.arange(len(pairs)), study.columns) for study in studies])
    repeats = clusters["multiplicity"].to_numpy(np.int64) if settings.duplicates else np.ones(len(group), int)
    rows = np.repeat(np.arange(len(group)), repeats)
    first = np.cumsum(repeats) - repeats
    enough = clusters["n_used_pairs"].to_numpy()[rows] >= settings.min_pairs
    mask = None if measured.all() else Measured(group[rows], measured)
    progress = Progress("draws", number)
    at_once = min(study.scorer.n_at_once for study in studies)
    for start in range(0, number, at_once):
        drawn = [
            study.scores(
                study.draws.draw(start, min(start + at_once, number), seed, "landscape", "draws", study.name),
                pairs,
                weight,
                min_expected=settings.min_expected,
                threads=threads,
            )
            for study in studies
        ]
        for at, parts in enumerate(zip(*drawn, strict=True), start):
            scores = stack_scores(parts)
            assert scores is not None  # every part has scores
            scores = scores if len(rows) == len(group) else scores.rows(rows)
            times[at] = _pseudotime(scores, mask, enough, int(first[root]), settings)[first]
            progress.add()
    return times


def _pseudotime(
    scores: Scores, measured: Measured | None, enough: np.ndarray, root: int, settings: LandscapeSettings
) -> np.ndarray:
    distances = debiased_distances(scores, measured, enough=enough)
    space = embed_with_settings(
        COEXPRESSION, scores.matrix, root, settings, "cosine", refine=False, distances=distances
    )
    return space.pseudotime


def intervals(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of every cluster's pseudotime.

    Parameters
    ----------
    times
        (n_draws, n_clusters), from :func:`drawn_pseudotimes`.

    Returns
    -------
    low, high
        (n_clusters,) percentiles over the draws that reach the cluster; NaN if fewer than half do.

    Examples
    --------
    >>> low, high = intervals(np.stack([np.linspace(0, 1, 101), np.full(101, np.nan)], axis=1))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.025, nan], [0.975, nan])
    """
    low, high = np.full((2, times.shape[1]), np.nan)
    if len(times):
        often = np.isfinite(times).mean(axis=0) >= REACHED
        low[often], high[often] = np.nanpercentile(times[:, often], [LOW, HIGH], axis=0)
    return low, high


def placement(pseudotime: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """Return how well every cluster is placed.

    Parameters
    ----------
    pseudotime
        (n_clusters,), NaN where the root does not reach a cluster.
    times
        (n_draws, n_clusters) pseudotimes of draws; None or no draws: intervals are not known.

    Returns
    -------
    object (n_clusters,): ``"unconnected"`` without pseudotime; ``"uncertain"`` if fewer than nine in ten
    draws reach the cluster, or the pseudotimes of more than half of the other clusters lie within its
    interval; else ``"placed"``.

    Examples
    --------
    >>> times = np.array([[0.0, 0.1, 0.2, 0.3, 1.0], [0.0, 0.9, 0.2, 0.3, 1.0]])
    >>> placement(np.array([0.0, 0.5, 0.2, 0.3, np.nan]), times).tolist()
    ['placed', 'uncertain', 'placed', 'placed', 'unconnected']
    """
    known = np.isfinite(pseudotime)
    result = np.where(known, PLACED, UNCONNECTED).astype(object)
    if times is None or not len(times):
        return result
    low, high = intervals(times)
    inside = (pseudotime[None, :] >= low[:, None]) & (pseudotime[None, :] <= high[:, None])
    np.fill_diagonal(inside, False)
    wide = inside.sum(axis=1) > WIDEST * max(int(known.sum()) - 1, 1)
    loose = np.isfinite(times).mean(axis=0) < FIRM
    result[known & (wide | loose)] = UNCERTAIN
    return result


def tell_placement(table: pd.DataFrame, studies: Sequence[DrawnStudy]) -> None:
    """Log what was drawn and how many clusters are not placed.

    Parameters
    ----------
    table
        ``pseudotime.tsv``.
    studies
        The drawn studies.
    """
    for study in studies:
        drawn = study.draws
        logger.info(
            "%s: %.0f %% of the cells were drawn by %s, the others one by one",
            study.name,
            100 * drawn.by_sample,
            "sample" if drawn.column == CELL else drawn.column,
        )
    if PLACEMENT not in table:
        return
    for kind in (UNCERTAIN, UNCONNECTED):
        if number := int((table[PLACEMENT] == kind).sum()):
            logger.warning("%d of %d clusters are %s", number, len(table), kind)
