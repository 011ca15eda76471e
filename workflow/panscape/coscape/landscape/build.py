"""Landscape of a collection: from the studies' coexpression to graph, pseudotime and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.landscape.age import Viewed
from panscape.coscape.landscape.combine import Combined, Study, combine_studies, expand_duplicates
from panscape.coscape.landscape.compare import AGE, compare_spaces
from panscape.coscape.landscape.layout import force_layout
from panscape.coscape.landscape.other_spaces import embed_vectors, other_spaces
from panscape.coscape.landscape.rank import rank_genes, rank_pairs
from panscape.coscape.landscape.root import named_root
from panscape.coscape.landscape.sampling import Sampling, sampled_cells
from panscape.coscape.landscape.settings import LOWEST_AGE, NO_ROOT, LandscapeSettings
from panscape.coscape.landscape.space import Space
from panscape.coscape.landscape.vectors import Vectors, coexpression_vectors, used_pairs
from panscape.errors import fail
from panscape.graph.diffusion import choose_root
from panscape.log import logger
from panscape.seeds import derive
from panscape.stats.threads import single_threaded


@dataclass(frozen=True)
class Landscape:
    """A landscape with its statistics.

    Parameters
    ----------
    data
        Clusters of the landscape (with copies if duplicates are kept).
    space
        Coexpression space: neighbours, graph, diffusion maps, pseudotime.
    layout
        (n_clusters, 2).
    statistics, genes, pairs
        Tables, see :func:`compare_spaces`, :func:`rank_genes`, :func:`rank_pairs`.
    settings
        Settings of the landscape.
    """

    data: Combined
    space: Space
    layout: np.ndarray
    statistics: pd.DataFrame
    genes: pd.DataFrame
    pairs: pd.DataFrame
    settings: LandscapeSettings

    @property
    def originals(self) -> np.ndarray:
        """Return the positions of the clusters that are not copies."""
        clusters = self.data.clusters
        return np.flatnonzero(clusters["copy"] == 1) if "copy" in clusters else np.arange(len(clusters))


@single_threaded()
def compute_landscape(
    studies: Sequence[Study], settings: LandscapeSettings | Mapping[str, Any], seed: int
) -> Landscape:
    """Build the landscape of a collection.

    Parameters
    ----------
    studies
        Clusters of each study, see :func:`read_study`.
    settings
        A :class:`LandscapeSettings` or a mapping with its keys.
    seed
        The collection's seed.

    Raises
    ------
    UserError
        If the root is unknown or there are too few clusters.
    """
    chosen = LandscapeSettings.of(settings)
    data = gather_clusters(studies, chosen)
    cells = _sampled(studies, data, chosen)
    if cells is not None and AGE in data.clusters:
        data = replace(data, clusters=data.clusters.assign(**{AGE: cells.ages()}))
    vectors = coexpression_vectors(data, chosen)
    root = find_root(data.clusters, chosen, usable=vectors.usable)
    space = embed_vectors(vectors, root, chosen)
    _tell(space, data, vectors)
    views = all_views(data, space, chosen, vectors)
    statistics = compare_spaces(views, data.clusters, chosen, seed, cells=cells, usable=vectors.usable)
    leaves = None if cells is None else cells.leaves
    layout = force_layout(
        space.weights,
        derive(seed, "landscape", "layout"),
        iterations=chosen.layout_iterations,
        scaling=chosen.layout_scaling,
        gravity=chosen.layout_gravity,
        theta=chosen.layout_theta,
        pack=chosen.pack,
    )
    return Landscape(
        data,
        space,
        layout,
        statistics,
        rank_genes(data, space.pseudotime, leaves),
        rank_pairs(
            data, space.pseudotime, leaves, method=chosen.pair_correlation, listed=chosen.pairs_listed
        ),
        chosen,
    )


def all_views(
    data: Combined, space: Space, settings: LandscapeSettings, vectors: Vectors | None = None
) -> list[Viewed]:
    """Return the landscape's space and the other spaces that it is compared with.

    Parameters
    ----------
    data
        From :func:`gather_clusters` with the same settings.
    space
        Coexpression space.
    settings
        The landscape's.
    vectors
        Result of :func:`coexpression_vectors`, if already computed.
    """
    vectors = coexpression_vectors(data, settings) if vectors is None else vectors
    return [Viewed(space, vectors.rows, vectors.metric), *other_spaces(data, space.root, settings)]


def gather_clusters(studies: Sequence[Study], settings: LandscapeSettings) -> Combined:
    """Combine the studies and count the pairs of each cluster.

    Returns
    -------
    Clusters (with copies if duplicates are kept) with `n_pairs`, the number of off-diagonal pairs above the
    threshold, and `n_used_pairs`, those used for distances (with the corrected one: valid chosen pairs).

    Raises
    ------
    UserError
        If there are fewer than 3 clusters.
    """
    data = combine_studies(studies)
    if len(data.clusters) < 3:
        raise fail(
            "panclust.min_cells",
            f"all studies together have {len(data.clusters)} clusters; a landscape needs at least 3",
            "write a smaller number or add studies",
            few=True,
        )
    if settings.duplicates:
        data = expand_duplicates(data)
    edges = np.flatnonzero(~data.diagonal)
    used = used_pairs(data, settings)
    counts = {"n_pairs": np.diff(data.matrix[:, edges].indptr), "n_used_pairs": used}
    return replace(
        data, clusters=data.clusters.assign(**{name: part.astype(np.int64) for name, part in counts.items()})
    )


def find_root(
    clusters: pd.DataFrame, settings: LandscapeSettings, *, usable: np.ndarray | None = None
) -> int | None:
    """Return the position of the configured root, None for none.

    Parameters
    ----------
    clusters
        One row per cluster: `cluster`, `n_cells`, `age`.
    settings
        Settings; `root` and `root_below` are used.
    usable
        bool (n_clusters,): clusters that may be the root, which exclude those without defined distances.

    Raises
    ------
    UserError
        If the named cluster does not exist, or no cluster has an age with ``root="lowest-age"``.
    """
    if settings.root == NO_ROOT:
        return None
    if settings.root != LOWEST_AGE:
        return named_root(clusters, settings.root)
    age = clusters[AGE].to_numpy(dtype=np.float64) if AGE in clusters else np.full(len(clusters), np.nan)
    below = np.flatnonzero(age < (-np.inf if settings.root_below is None else settings.root_below))
    if len(below):
        return int(below[0])
    root = choose_root(age, clusters["n_cells"].to_numpy(), usable=usable)
    if root is None and np.isfinite(age).any():
        raise fail(
            "landscape.min_expected",
            "no cluster with an age has enough gene pairs for distances "
            "(landscape.min_expected cells that show both genes, landscape.min_pairs pairs)",
            "write smaller numbers, or raise panclust.min_cells",
        )
    if root is None:
        raise fail(
            "landscape.root",
            f"is {LOWEST_AGE}, but no cluster has an age",
            f"map obs.age in the studies, name a cluster, or write {NO_ROOT}",
        )
    return root


def _sampled(studies: Sequence[Study], data: Combined, settings: LandscapeSettings) -> Sampling | None:
    """Return the cells of the clusters (with copies if duplicates are kept)."""
    cells = sampled_cells(studies, settings.sample)
    if cells is None:
        return None
    for study, units in zip(studies, cells.units, strict=True):
        if units.number:
            logger.info("%s: ages were sampled by %s (%d)", study.name, units.column, units.number)
    if "copy" not in data.clusters:
        return cells
    return cells.rows(np.cumsum(data.clusters["copy"].to_numpy() == 1) - 1)


def _tell(space: Space, data: Combined, vectors: Vectors) -> None:
    part = space.diffusion.component
    logger.info(
        "%d clusters x %d pairs; %d connected components, the largest of %d clusters",
        len(data.clusters),
        vectors.rows.shape[1] if vectors.distances is not None else data.matrix.shape[1],
        part.max() + 1,
        (part == 0).sum(),
    )
    if (alone := int((~space.neighbours.defined).sum())) > 0:
        logger.warning("%d clusters have too few pairs and are isolated", alone)
    if space.root is not None:
        logger.info("root: %s", data.clusters["cluster"].iloc[space.root])
        if (unreached := int(np.isnan(space.pseudotime).sum())) > 0:
            logger.warning("%d clusters are not connected with the root: no pseudotime", unreached)


def plain_settings(settings: LandscapeSettings) -> dict[str, Any]:
    """Return the settings as plain values for a file: text for None, an array for a sequence of numbers."""
    plain = {key: "" if value is None else value for key, value in asdict(settings).items()}
    return plain | {"neighbor_sweep": np.asarray(settings.neighbor_sweep, dtype=np.int64)}
