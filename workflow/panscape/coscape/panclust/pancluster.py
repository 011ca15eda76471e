"""Panclustering of one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.cells import read_counts
from panscape.coscape.panclust.cluster_size import smallest_cluster
from panscape.coscape.panclust.hierarchy import Candidates
from panscape.coscape.panclust.settings import PanclustSettings
from panscape.coscape.panclust.sketch import follow, sketch
from panscape.coscape.panclust.source import CellValues
from panscape.coscape.panclust.ward import ward_levels
from panscape.data.counts import Counts
from panscape.errors import fail
from panscape.graph.communities import partitions
from panscape.graph.louvain import modularity
from panscape.graph.neighbors import neighbors
from panscape.graph.umap_weights import neighbor_graph
from panscape.log import logger
from panscape.seeds import derive, stream
from panscape.stats.blockwise import blockwise_scores

MIN_CELLS = 3
RECALL = 0.99  # of the neighbours in studies too large for an exact search; communities hardly depend on it


def pancluster(
    counts: Counts | str | Path,
    genes: Sequence[str],
    settings: PanclustSettings | Mapping[str, Any],
    seed: int,
    *,
    study: str | None = None,
    threads: int = 1,
) -> tuple[pd.DataFrame, sparse.csr_matrix]:
    """Cluster a study's cells at several resolutions, with every level of agglomeration.

    Parameters
    ----------
    counts
        The study's raw counts, or the path of its ``counts.h5ad``.
    genes
        The selected genes.
    settings
        A :class:`PanclustSettings` or a mapping with its keys.
    seed
        Seed of the collection; random steps derive theirs from it and the study.
    study
        Study id; None reads obs ``study``.
    threads
        Threads to use; the result does not depend on them.

    Returns
    -------
    (clusters, members): a table with the columns cluster, study, resolution (NaN for the root), level
    (missing for the root; 0 is the finest), parent (empty for the root), n_cells, multiplicity (number of
    occurrences of the same set of cells), duplicates (its other names, e.g. ``r1-l2-c0;r10-l3-c0``), parents
    before their children; and a CSR int8 matrix of ones, clusters x cells. The first cluster is the root: all
    cells.

    Raises
    ------
    UserError
        If there are fewer cells than a cluster needs, or too many for Ward's tree.
    KeyError
        If a gene is not in the file.
    """
    chosen = PanclustSettings.of(settings)
    counts = read_counts(counts)
    name = str(counts.obs["study"].iloc[0]) if study is None and counts.shape[0] else str(study)
    n_cells = counts.shape[0]
    min_cells = smallest_cluster(chosen.min_cells, n_cells)
    _check_size(n_cells, min_cells, name)
    scores = _scores(counts, genes, chosen, name, seed, threads)
    kept = np.arange(n_cells)
    if n_cells > chosen.sketch_above:
        draw = stream(seed, "panclust", "sketch", name)
        kept = sketch(scores, chosen.sketch_cells, chosen.sketch_method, draw)
        logger.info(
            "%d of %d cells are clustered, the others join the cluster of their nearest sampled cell",
            len(kept),
            n_cells,
        )
    candidates = Candidates(name, n_cells, min_cells)
    if chosen.algorithm == "ward":
        _take_ward(scores, kept, chosen, candidates, seed, threads)
    else:
        _take_communities(scores, kept, chosen, candidates, seed, threads)
    table, members = candidates.result()
    logger.info(
        "%s: %d distinct clusters of at least %d cells, %d with duplicates",
        name, len(table), min_cells, table["multiplicity"].sum(),
    )  # fmt: skip
    if len(table) == 1:
        logger.warning(
            "%s has only its root: no other cluster has at least %d cells (panclust.min_cells)",
            name,
            min_cells,
        )
    return table, members


def _check_size(n_cells: int, min_cells: int, name: str) -> None:
    if n_cells < min_cells:
        problem = f"study {name} has {n_cells} cells, fewer than the smallest cluster, {min_cells}"
        advice = f"write at most {n_cells}, or leave the study out"
        raise fail("panclust.min_cells", problem, advice, few=True)
    if n_cells < MIN_CELLS:
        problem = f"{n_cells} cells, too few to cluster (at least {MIN_CELLS})"
        raise fail(f"studies: {name}", problem, "leave the study out, or relax its quality control", few=True)


def _scores(counts, genes, chosen: PanclustSettings, name: str, seed: int, threads: int) -> np.ndarray:
    """Return the principal component scores of all cells."""
    names = None if chosen.genes == "all" else list(genes)
    standardise = chosen.scaling == "standardised"
    values = CellValues(counts, names, "depth-log1p" if standardise else chosen.scaling)
    rng = stream(seed, "panclust", "pca", name)
    scores = blockwise_scores(values, chosen.n_components, rng, standardise=standardise, threads=threads)
    logger.info("%s: %d cells x %d components of %d genes", name, *scores.shape, values.shape[1])
    return scores


def _take_communities(
    scores, kept, chosen: PanclustSettings, candidates: Candidates, seed: int, threads: int
) -> None:
    """Find communities of the neighbor graph and label every cell."""
    inner = scores if len(kept) == len(scores) else scores[kept]
    search = derive(seed, "panclust", "neighbors", candidates.study)
    indices, distances = neighbors(
        inner,
        chosen.n_neighbors,
        exact_below=chosen.exact_below,
        recall=RECALL,
        descent=True,
        seed=search,
        threads=threads,
    )
    graph = neighbor_graph(indices, distances, chosen.weights)
    logger.info("graph of %d cells and %d edges", graph.n, len(graph.edges))
    place = None if inner is scores else follow(scores, kept, seed=search, threads=threads)
    seeds = {
        resolution: derive(seed, "panclust", chosen.algorithm, candidates.study, resolution)
        for resolution in chosen.resolutions
    }
    levels_of = partitions(graph, seeds, algorithm=chosen.algorithm, threads=threads)
    for resolution, levels in levels_of.items():
        logger.info(
            "resolution %g: %s communities by level, modularity %.4f",
            resolution,
            [int(level.max()) + 1 for level in levels],
            modularity(graph, levels[-1], resolution),
        )
        if place is not None:
            levels = [level[place] for level in levels]
        candidates.add_levels(levels, resolution, repeat_last=chosen.repeat_last_level)


def _take_ward(
    scores, kept, chosen: PanclustSettings, candidates: Candidates, seed: int, threads: int
) -> None:
    if len(kept) == len(scores):
        ward_levels(scores, candidates)
        return
    search = derive(seed, "panclust", "neighbors", candidates.study)
    place = follow(scores, kept, seed=search, threads=threads)
    ward_levels(scores[kept], candidates, place)
