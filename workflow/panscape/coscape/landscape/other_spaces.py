"""Alternative spaces of the clusters for comparison with the landscape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.age import Viewed
from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.features import best_detected, detected_genes
from panscape.coscape.landscape.measurable import common_pair_distances
from panscape.coscape.landscape.measured import measured_genes, measured_pairs
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.space import Space, embed_clusters
from panscape.coscape.landscape.vectors import Vectors
from panscape.graph.measured import Measured
from panscape.stats.pca import principal_components

COEXPRESSION, COMMON_PAIRS = "coexpression", "common-pairs"


def embed_with_settings(
    name: str,
    vectors: sparse.csr_matrix | np.ndarray,
    root: int | None,
    settings: LandscapeSettings,
    metric: str,
    *,
    refine: bool = True,
    distances: tuple[np.ndarray, np.ndarray] | None = None,
    measured: Measured | None = None,
) -> Space:
    """Embed vectors with the settings of a landscape.

    Parameters
    ----------
    name, vectors, root, metric, refine, distances, measured
        See :func:`panscape.coscape.landscape.space.embed_clusters`.
    settings
        `n_neighbors`, `kernel`, `mutual`, `n_maps`, `clip` and `sweep` are used.
    """
    return embed_clusters(
        name,
        vectors,
        root,
        metric=metric,
        n_neighbors=settings.n_neighbors,
        kernel=settings.kernel,
        mutual=settings.mutual,
        n_maps=settings.n_maps,
        clip=settings.clip,
        refine=refine,
        distances=distances,
        measured=measured,
        sweep=settings.sweep,
    )


def embed_vectors(vectors: Vectors, root: int | None, settings: LandscapeSettings) -> Space:
    """Embed the vectors of coexpression with the settings of a landscape.

    Parameters
    ----------
    vectors
        From :func:`panscape.coscape.landscape.vectors.coexpression_vectors`.
    root
        Position of the root; None for none.
    settings
        As in :func:`embed_with_settings`.
    """
    return embed_with_settings(
        COEXPRESSION,
        vectors.rows,
        root,
        settings,
        vectors.metric,
        refine=vectors.refine,
        distances=vectors.distances,
        measured=vectors.measured if vectors.refine else None,
    )


def other_spaces(data: Combined, root: int | None, settings: LandscapeSettings) -> Iterator[Viewed]:
    """Yield the comparison spaces: expression, detection, measurable pairs.

    Parameters
    ----------
    data
        From :func:`panscape.coscape.landscape.build.gather_clusters`.
    root
        Position of the landscape's root.
    settings
        The landscape's.
    """
    spaces: dict[str, tuple[Any, str, Measured | None]] = {}
    genes = measured_genes(data)
    if data.expression is not None:
        expression, complete = data.expression, data.expression
        if genes is not None:
            expression = np.nan_to_num(data.expression)
            # principal components need genes measured in all clusters
            complete = data.expression[:, genes.columns.all(axis=0)]
        spaces["expression"] = (expression, "euclidean", genes)
        if settings.expression_components and complete.shape[1] > 1:
            number = settings.expression_components
            scores = principal_components(complete, number).scores
            spaces["expression-pca"] = (scores, "euclidean", None)
    diagonal = np.flatnonzero(data.diagonal)
    measured = measured_pairs(data, data.pairs[diagonal])
    spaces["diagonal"] = (data.matrix[:, diagonal], settings.metric, measured)
    if settings.min_expected > 0:
        flags = detected_genes(data, settings.min_expected)
        spaces["detected"] = (flags.astype(np.float64), settings.metric, genes)
    for name, (rows, metric, measured) in spaces.items():
        flags_only = name in ("diagonal", "detected")
        space = embed_with_settings(
            name, rows, root, settings, metric, refine=not flags_only, measured=measured
        )
        yield Viewed(space, rows, metric)
    if settings.min_expected > 0:
        yield _common_pairs(data, root, settings)


def _common_pairs(data: Combined, root: int | None, settings: LandscapeSettings) -> Viewed:
    """Return the space of the cosine distance over the pairs measurable in both clusters."""
    keep = ~data.diagonal
    if settings.best_detected:
        keep &= best_detected(data, settings.best_detected)[data.pairs].all(axis=1)
    columns = np.flatnonzero(keep)
    rows = sparse.csr_matrix(data.matrix[:, columns], dtype=np.float32, copy=True)
    rows.data[np.abs(rows.data) < np.float32(settings.eta)] = 0
    enough = data.clusters["n_used_pairs"].to_numpy() >= settings.min_pairs
    rows = sparse.csr_matrix(sparse.diags(enough.astype(np.float32)) @ rows)
    distances = common_pair_distances(data, rows, data.pairs[columns], settings.min_expected)
    space = embed_with_settings(
        COMMON_PAIRS, rows, root, settings, "cosine", refine=False, distances=distances
    )
    return Viewed(space, rows, "cosine")
