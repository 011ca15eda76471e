"""A map of genes: those with similar correlations with all entries lie together."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pandas as pd

NEIGHBOURS = 15
COLUMNS = ("map_1", "map_2")
_EPOCHS = 500


def gene_map(membership: pd.DataFrame, placed: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Add the places of genes on a map to the table of genes.

    The map is a UMAP (McInnes et al. 2018, by igraph) of the genes that have a place in an entry, by the
    cosine of their kME with all entries. Distances between groups of genes mean little, as in every UMAP.

    Parameters
    ----------
    membership
        entry, gene, kme: one row per entry and gene.
    placed
        gene, entry ("" without a place) ..., see :func:`panscape.coscape.dictionary.membership.place_genes`.
    names
        K entries.

    Returns
    -------
    `placed` with the columns ``map_1`` and ``map_2``, NaN for genes without a place (for all genes if fewer
    than five have one).

    Examples
    --------
    >>> genes = pd.DataFrame({"gene": list("abc"), "entry": ["entry-01", "entry-01", ""]})
    >>> kme = pd.DataFrame({"entry": "entry-01", "gene": list("abc"), "kme": [0.5, 0.4, 0.0]})
    >>> gene_map(kme, genes, ["entry-01"]).columns.tolist()
    ['gene', 'entry', 'map_1', 'map_2']
    """
    inside = (placed["entry"] != "").to_numpy()
    places = np.full((len(placed), 2), np.nan)
    if inside.sum() >= 5:
        table = membership.pivot(index="gene", columns="entry", values="kme")
        places[inside] = _layout(table.loc[placed.loc[inside, "gene"], list(names)].to_numpy(dtype=float))
    return placed.assign(**dict(zip(COLUMNS, places.T, strict=True)))


def _layout(kme: np.ndarray) -> np.ndarray:
    """Return (n, 2) coordinates of genes (n, K), centred, of standard deviation 1 along the longer axis."""
    import igraph

    unit = kme / np.maximum(np.linalg.norm(kme, axis=1, keepdims=True), np.finfo(float).tiny)
    apart = np.maximum(1 - unit @ unit.T, 0).round(9)
    np.fill_diagonal(apart, np.inf)
    count = min(NEIGHBOURS, len(kme) - 1)
    near = np.argsort(apart, axis=1, kind="stable")[:, :count]
    ends = np.unique(np.sort(np.stack([np.repeat(np.arange(len(kme)), count), near.ravel()]), axis=0), axis=1)
    graph = igraph.Graph(n=len(kme), edges=ends.T.tolist())
    # start on a circle by the best entry: without it, igraph starts at random places
    angle = 2 * np.pi * (np.abs(kme).argmax(axis=1) + np.linspace(0, 0.5, len(kme))) / kme.shape[1]
    start = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    igraph.set_random_number_generator(random.Random(0))
    try:
        chosen = graph.layout_umap(
            dist=apart[ends[0], ends[1]].tolist(), seed=start.tolist(), min_dist=0.3, epochs=_EPOCHS
        )
    finally:
        igraph.set_random_number_generator(random)
    places = np.array(chosen.coords)
    places -= places.mean(axis=0)
    return (places / max(places.std(axis=0).max(), np.finfo(float).tiny)).round(6)
