"""Sensitivity of the landscape to the threshold and the number of neighbours."""

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
from panscape.coscape.landscape.settings import CORRECTED, LandscapeSettings
from panscape.coscape.landscape.vectors import coexpression_vectors
from panscape.log import Progress
from panscape.stats.ranks import partial_spearman, spearman
from panscape.stats.threads import single_threaded


@single_threaded()
def sensitivity_table(
    studies: Sequence[Study],
    settings: LandscapeSettings | Mapping[str, Any],
    *,
    eta: Sequence[float],
    n_neighbors: Sequence[int],
) -> pd.DataFrame:
    """Rebuild the landscape for each threshold and number of neighbours.

    Parameters
    ----------
    studies, settings
        As for :func:`panscape.coscape.landscape.build.compute_landscape`.
    eta
        Thresholds of |r|; one below the threshold of the matrices has no effect. Not used with the corrected
        distance, which has none.
    n_neighbors
        Numbers of neighbors, not counting the cluster itself.

    Returns
    -------
    Columns `eta` (missing with the corrected distance), `neighbours` (the cluster itself counted), `rho_age`,
    `n` (its number of clusters), `partial_rho_age`, `rho_n_cells`, `rho_n_pairs`, `rho_n_counts`,
    `other_study_share`, `components`, `reached` (fraction of clusters with a pseudotime), `pairs` (median of
    the pairs in use per cluster).
    """
    chosen = LandscapeSettings.of(settings)
    rows = []
    variants = {threshold: replace(chosen, eta=threshold) for threshold in eta}
    if chosen.distance == CORRECTED:
        variants = {np.nan: chosen}
    progress = Progress("landscapes", len(variants) * len(n_neighbors))
    for threshold, varied in variants.items():
        data = gather_clusters(studies, varied)
        vectors = coexpression_vectors(data, varied)
        root = find_root(data.clusters, varied, usable=vectors.usable)
        for k in n_neighbors:
            space = embed_vectors(vectors, root, replace(varied, n_neighbors=k, neighbor_sweep=(), clip=None))
            rows.append({"eta": threshold, "neighbours": k + 1, **_summary(space, data.clusters)})
            progress.add()
    return pd.DataFrame(rows)


def _summary(space, clusters: pd.DataFrame) -> dict[str, float]:
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
