"""Intervals of pseudotime, from draws of the cells and samples of every study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.drawn_study import DrawnStudy
from panscape.coscape.landscape.other_spaces import COEXPRESSION, embed_with_settings
from panscape.coscape.landscape.placement import PLACEMENT, UNCERTAIN, UNCONNECTED
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.coscape.landscape.settings import DRAW_SCORES, LandscapeSettings
from panscape.coscape.landscape.units import CELL
from panscape.graph.measured import Measured
from panscape.log import Progress, logger
from panscape.stats.threads import single_threaded


@single_threaded()
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
    group = np.repeat(np.arange(len(studies)), [study.n_clusters for study in studies])
    measured = np.stack([np.isin(np.arange(len(pairs)), study.columns) for study in studies])
    repeats = clusters["multiplicity"].to_numpy(np.int64) if settings.duplicates else np.ones(len(group), int)
    rows = np.repeat(np.arange(len(group)), repeats)
    first = np.cumsum(repeats) - repeats
    enough = clusters["n_used_pairs"].to_numpy()[rows] >= settings.min_pairs
    mask = None if measured.all() else Measured(group[rows], measured)
    progress = Progress("draws", number)
    fits = max(DRAW_SCORES // max(len(group) * len(pairs), 1), 1)
    passes = -(-number // min(fits, *(study.scorer.n_at_once for study in studies)))
    for edges in np.array_split(np.arange(number), passes):
        start, stop = int(edges[0]), int(edges[-1]) + 1
        drawn = [  # sums are made with the first draw, one study after the other, and scores kept
            study.scores(
                study.draws.draw(start, stop, seed, "landscape", "draws", study.name),
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
