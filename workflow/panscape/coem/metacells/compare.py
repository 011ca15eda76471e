"""Metacells by other methods, in equal number, for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from panscape import seeds
from panscape.coem.metacells.embed import Views
from panscape.coem.metacells.group import (
    Grouping,
    GroupSettings,
    group_cells,
    group_graph,
    group_kmeans,
    group_random,
)
from panscape.graph.kernels import affinities
from panscape.graph.wnn import weighted_neighbors
from panscape.log import logger

METHODS = {
    "coem": "learned joint embedding, spectral",
    "pca_lsi": "PCA and LSI side by side, spectral",
    "wnn": "weighted nearest neighbours, spectral",
    "rna": "RNA only (PCA), spectral",
    "atac": "accessibility only (LSI), spectral",
    "kmeans": "k-means on the embedding",
    "archetypal": "archetypal analysis on the embedding's graph",
    "random": "random groups of equal size",
}
"""Method -> what it is."""
NEEDS = {"coem": (), "pca_lsi": ("rna", "atac"), "wnn": ("rna", "atac"), "rna": ("rna",), "atac": ("atac",)}


def available(method: str, views: Views, learned: np.ndarray | None) -> bool:
    """Return whether a method can run on the modalities of a sample.

    Parameters
    ----------
    method
        One of :data:`METHODS`.
    views
        Linear embeddings of the sample.
    learned
        Learned embedding, or None.
    """
    if method == "coem":
        return learned is not None
    return all(getattr(views, name) is not None for name in NEEDS.get(method, ()))


def embedding(method: str, views: Views, learned: np.ndarray | None = None) -> np.ndarray:
    """Return the coordinates of an embedding method (for `wnn` those of `pca_lsi`).

    Parameters
    ----------
    method
        ``"coem"``, ``"pca_lsi"``, ``"wnn"``, ``"rna"`` or ``"atac"``.
    views
        Linear embeddings of the sample.
    learned
        Learned embedding, or None.

    Raises
    ------
    ValueError
        If the sample lacks a modality or embedding that the method needs.
    """
    if not available(method, views, learned):
        raise ValueError(f"{method} cannot run on this sample")
    if method == "coem":
        return np.asarray(learned, dtype=float)
    if method in ("pca_lsi", "wnn"):
        return views.joint
    return np.asarray(views.rna if method == "rna" else views.atac)


def fallback(method: str, views: Views) -> str:
    """Return the chosen method, or that of the only modality if a joint method cannot run."""
    if method in ("pca_lsi", "wnn") and (views.rna is None or views.atac is None):
        single = "rna" if views.atac is None else "atac"
        logger.warning("the sample has a single modality: %s is used instead of %s", single, method)
        return single
    return method


def group_by(
    method: str,
    k: int,
    views: Views,
    learned: np.ndarray | None,
    main: np.ndarray,
    settings: GroupSettings | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
) -> Grouping:
    """Group cells by one of :data:`METHODS`.

    Parameters
    ----------
    method
        Name of the method.
    k
        Number of metacells.
    views, learned
        Linear embeddings, and the learned embedding if available.
    main
        Embedding used by the main analysis, on which k-means and archetypal analysis run.
    settings
        Settings of the grouping.
    seed, threads
        See :func:`panscape.coem.metacells.group.group_cells`.
    """
    settings = GroupSettings.of(settings)
    if method == "random":
        return group_random(len(main), k, seeds.stream(seed, "random"))
    if method == "kmeans":
        return group_kmeans(main, k, seed=seeds.derive(seed, "kmeans"))
    if method == "archetypal":
        from panscape.coem.metacells.archetypal import group_archetypal

        return group_archetypal(main, k, settings, seed=seed, threads=threads)
    if method == "wnn" and views.rna is not None and views.atac is not None:
        # WNN distances lie in [0, 1], mostly near 1; the kernel rescales them per cell
        indices, distances, weights = weighted_neighbors(
            [views.rna, views.atac], settings.n_neighbors, exact_below=settings.exact_below, seed=seed
        )
        logger.info("weighted nearest neighbours: mean weight of RNA %.2f", weights[:, 0].mean())
        return group_graph(affinities(indices, distances), views.joint, k, settings, seed=seed)
    return group_cells(embedding(method, views, learned), k, settings, seed=seed, threads=threads)


def methods_for(wanted: Sequence[str], main: str, views: Views, learned: np.ndarray | None) -> list[str]:
    """Return the methods to compare, the main one first, without those unavailable for the sample.

    Parameters
    ----------
    wanted
        Names of methods.
    main
        Method of the main analysis.
    views
        Linear embeddings of the sample.
    learned
        Learned embedding, or None.
    """
    listed = [main, *(method for method in wanted if method != main)]
    return [method for method in listed if available(method, views, learned)]
