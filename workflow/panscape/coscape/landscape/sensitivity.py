"""Sensitivity of the landscape to the choices that it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.landscape.build import find_root, gather_clusters
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.compare import AGE
from panscape.coscape.landscape.mixing import neighbour_links, other_study_share
from panscape.coscape.landscape.other_spaces import embed_vectors
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.coscape.landscape.settings import CORRECTED, LandscapeSettings
from panscape.coscape.landscape.space import Space
from panscape.coscape.landscape.variants import Variant, corrected_variants
from panscape.coscape.landscape.varied import CONFIGURED, GRID
from panscape.coscape.landscape.vectors import coexpression_vectors
from panscape.graph.diffusion import choose_root
from panscape.log import logger
from panscape.stats.ranks import partial_spearman, spearman
from panscape.stats.threads import single_threaded


@single_threaded()
def sensitivity_table(
    studies: Sequence[Study],
    settings: LandscapeSettings | Mapping[str, Any],
    *,
    eta: Sequence[float],
    n_neighbors: Sequence[int],
    splits: int = 2,
    seed: int = 0,
    rescored: Mapping[str, Sequence[Scores]] | None = None,
) -> pd.DataFrame:
    """Rebuild the landscape with other choices, and compare its order with that of the landscape itself.

    Thresholded correlations: each threshold with each number of neighbours. The corrected distance has no
    threshold; what is left is changed one at a time, see
    :func:`panscape.coscape.landscape.variants.corrected_variants`.

    Parameters
    ----------
    studies, settings
        As for :func:`panscape.coscape.landscape.build.compute_landscape`.
    eta
        Thresholds of |r|; one below the threshold of the matrices has no effect.
    n_neighbors
        Numbers of neighbors, not counting the cluster itself.
    splits
        How often clusters and genes are divided into two random halves (corrected distance).
    seed
        Seed of the halves.
    rescored
        Other estimator -> scores of each study for the same pairs (corrected distance).

    Returns
    -------
    One row per landscape, the one `as configured` first. Columns `varied`, `value`, `eta` (missing with the
    corrected distance), `neighbours` (the cluster itself counted; missing for the median over several),
    `rho_configured` (Spearman of the pseudotime with that of the first row over the clusters of both),
    `rho_age`, `n` (its number of clusters), `partial_rho_age`, `rho_n_cells`, `rho_n_pairs`, `rho_n_counts`,
    `other_study_share`, `components`, `reached` (fraction of clusters with a pseudotime), `pairs` (median of
    the pairs in use per cluster).
    """
    chosen = LandscapeSettings.of(settings)
    data = gather_clusters(studies, chosen)
    vectors = coexpression_vectors(data, chosen)
    root = find_root(data.clusters, chosen, usable=vectors.usable)
    space = embed_vectors(vectors, root, replace(chosen, clip=None))
    time, rows = space.pseudotime, []

    def add(varied, value, space, clusters, same, threshold, neighbours) -> None:
        agreement = spearman(space.pseudotime, same)
        where = {"varied": varied, "value": value, "eta": threshold, "neighbours": neighbours}
        rows.append({**where, "rho_configured": agreement, **_summary(space, clusters)})
        logger.info("%s %s: rho %.3f with the order as configured", varied, value, agreement)

    corrected = chosen.distance == CORRECTED
    usual = np.nan if corrected and chosen.sweep else chosen.n_neighbors + 1
    add(CONFIGURED, "", space, data.clusters, time, np.nan if corrected else chosen.eta, usual)
    if corrected:
        others = {name: _like(data.clusters, parts) for name, parts in (rescored or {}).items()}
        variants = corrected_variants(
            data, vectors, root, chosen, n_neighbors=n_neighbors, splits=splits, seed=seed, rescored=others
        )
        for one in variants:
            clusters = data.clusters.iloc[one.rows].assign(n_used_pairs=one.used_pairs)
            near = np.nan if one.settings.sweep else one.settings.n_neighbors + 1
            add(one.varied, one.value, _embedded(one, root, clusters), clusters, time[one.rows], np.nan, near)
        return pd.DataFrame(rows)
    for threshold in eta:
        varied = replace(chosen, eta=threshold)
        data = gather_clusters(studies, varied)
        vectors = coexpression_vectors(data, varied)
        root = find_root(data.clusters, varied, usable=vectors.usable)
        for k in n_neighbors:
            space = embed_vectors(vectors, root, replace(varied, n_neighbors=k, clip=None))
            add(GRID, f"{threshold:g}, {k}", space, data.clusters, time, threshold, k + 1)
    return pd.DataFrame(rows)


def _embedded(one: Variant, root: int | None, clusters: pd.DataFrame) -> Space:
    """Return the space of a variant, from the landscape's root or the youngest with defined distances."""
    at = None if root is None else int(np.searchsorted(one.rows, root))
    if at is not None and not one.vectors.usable[at] and AGE in clusters:
        age, size = (clusters[name].to_numpy(dtype=np.float64) for name in (AGE, "n_cells"))
        at = choose_root(age, size, usable=one.vectors.usable)
    return embed_vectors(one.vectors, at, replace(one.settings, clip=None))


def _like(clusters: pd.DataFrame, parts: Sequence[Scores]) -> Scores:
    """Return the scores of all studies for the clusters of a landscape, with their copies."""
    scores = stack_scores(parts)
    if scores is None:
        raise ValueError("no scores")
    if "copy" not in clusters:
        return scores
    return scores.rows(np.cumsum(clusters["copy"].to_numpy() == 1) - 1)


def _summary(space: Space, clusters: pd.DataFrame) -> dict[str, float]:
    time = space.pseudotime
    unknown = np.full(len(clusters), np.nan)
    age = clusters[AGE].to_numpy(dtype=np.float64) if AGE in clusters else unknown
    controls = {
        name: clusters[name].to_numpy(dtype=np.float64)
        for name in ("n_cells", "n_pairs", "n_counts")
        if name in clusters
    }
    return {
        "rho_age": spearman(time, age),
        "n": int((np.isfinite(time) & np.isfinite(age)).sum()),
        "partial_rho_age": partial_spearman(time, age, list(controls.values())),
        **{f"rho_{name}": spearman(time, values) for name, values in controls.items()},
        "other_study_share": other_study_share(
            neighbour_links(space.neighbours.index), clusters["study"].to_numpy()
        ),
        "components": int(space.diffusion.component.max(initial=-1) + 1),
        "reached": float(np.isfinite(time).mean()),
        "pairs": float(np.median(clusters["n_used_pairs"])),
    }
