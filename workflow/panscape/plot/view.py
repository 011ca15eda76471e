"""The landscape as plain arrays for figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.landscape.placement import HIGH, LOW, PLACEMENT
from panscape.plot.figure_names import PSEUDOTIME, title

LAYOUT = "X_draw_graph_fa"
_UNITS = {"n_cells": "cells", "n_pairs": "pairs", "n_counts": "mean counts per cell", PSEUDOTIME: "0 = root"}
LOGARITHMIC = frozenset({"n_cells", "n_pairs", "n_counts"})
"""Columns that span orders of magnitude."""
AS_LABELS = frozenset({"study", "resolution", "level", "component"})
"""Columns that are drawn as categories even if they are numbers."""


@dataclass(frozen=True)
class View:
    """Clusters of a landscape, with layout and edges.

    Parameters
    ----------
    obs
        One row per cluster, indexed by its name; columns as in ``landscape.h5ad``.
    xy
        float, (n_clusters, 2): the layout.
    edges
        int, (n_edges, 2): neighbours, each edge once.
    units
        Unit per column, e.g. ``{"age": "days"}``.
    root
        Name of the cluster where pseudotime starts; None selects the one with the lowest pseudotime.
    """

    obs: pd.DataFrame
    xy: np.ndarray
    edges: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    units: Mapping[str, str] = field(default_factory=dict)
    root: str | None = None

    def __post_init__(self):
        if self.xy.shape != (len(self.obs), 2):
            raise ValueError(f"{len(self.obs)} clusters, but a layout of shape {self.xy.shape}")

    def values(self, column: str) -> np.ndarray:
        """Return a numeric column as float (n_clusters,); NaN everywhere if there is no such column."""
        if column not in self.obs:
            return np.full(len(self.obs), np.nan)
        return pd.to_numeric(self.obs[column].astype(object), errors="coerce").to_numpy(dtype=float)

    def title(self, column: str) -> str:
        """Return the title of a column's figures."""
        return title(column)

    def label(self, column: str) -> str:
        """Return the axis label of a column: title and unit."""
        unit = self.units.get(column) or _UNITS.get(column, "")
        return f"{self.title(column)} ({unit})" if unit else self.title(column)


def read_view(
    path: str | Path, *, units: Mapping[str, str] | None = None, pseudotime: str | Path | None = None
) -> View:
    """Read the view of a ``landscape.h5ad``, without its matrices of pairs.

    Parameters
    ----------
    path
        The file.
    units
        Unit per column.
    pseudotime
        ``pseudotime.tsv``, whose intervals and placements are added to the columns; None without.
    """
    from panscape.data.elements import read_frame, read_matrix, read_text
    from panscape.data.files import open_h5, read_tsv

    with open_h5(path) as file:
        obs = read_frame(file["obs"])
        xy = np.asarray(file[f"obsm/{LAYOUT}"][:, :2], dtype=float)
        graph = read_matrix(file["obsp/connectivities"])
        root = read_text(file["uns/root"]) if "uns/root" in file else None
    if pseudotime is not None:
        places = read_tsv(pseudotime, dtype={"cluster": str, PLACEMENT: str}).set_index("cluster")
        places = places.reindex(obs.index)
        obs = obs.assign(**{name: places[name] for name in (LOW, HIGH, PLACEMENT) if name in places})
    return View(obs, xy, graph_edges(graph), dict(units or {}), root)


def read_statistics(path: str | Path) -> pd.DataFrame:
    """Read ``statistics.tsv``; its numbers are floats even in empty columns."""
    from panscape.data.files import read_tsv

    numbers = ("value", "low", "high", "null_mean", "null_sd", "pvalue", "n")
    texts = ("space", "statistic", "units", "note")
    table = read_tsv(path, dtype={**dict.fromkeys(texts, str), **dict.fromkeys(numbers, float)})
    return table.fillna(dict.fromkeys(texts, ""))


def graph_edges(graph: sparse.spmatrix) -> np.ndarray:
    """Return each edge of a (clusters x clusters) graph once: int (n_edges, 2), first < second."""
    graph = sparse.csr_matrix(graph)
    upper = sparse.triu(graph + graph.T, k=1).tocoo()
    return np.stack([upper.row, upper.col], axis=1).astype(np.int64)


def read_expression(paths: Sequence[str | Path], genes: Sequence[str], clusters: pd.Index) -> np.ndarray:
    """Return the mean expression of some genes in some clusters, from the studies' ``expression.h5ad``.

    Parameters
    ----------
    paths
        One file per study.
    genes
        Names of genes, present in every file.
    clusters
        Names of clusters, each present in one of the files.

    Returns
    -------
    float (genes, clusters): layer ``mean``, the mean normalised log expression; NaN where a gene is not
    measured.

    Raises
    ------
    KeyError
        If a gene or a cluster is in none of the files.
    """
    from panscape.data.files import read_h5ad

    result = np.full((len(genes), len(clusters)), np.nan)
    present = np.zeros(len(clusters), dtype=bool)
    for path in paths:
        data = read_h5ad(path)
        columns = _positions(data.var_names, pd.Index(genes), path)
        rows = clusters.get_indexer(data.obs_names)
        layer = data.layers["mean"]
        dense = np.asarray(layer.todense() if sparse.issparse(layer) else layer, dtype=float)[:, columns]
        result[:, rows[rows >= 0]] = dense[rows >= 0].T
        present[rows[rows >= 0]] = True
    missing = clusters[~present] if len(genes) else clusters[:0]
    if len(missing):
        raise KeyError(f"no expression of {len(missing)} clusters, e.g. {missing[0]}")
    return result


def read_measured(path: str | Path, pairs: pd.DataFrame, clusters: pd.Index) -> np.ndarray:
    """Return whether gene pairs are measured in clusters: bool (pairs, clusters).

    Parameters
    ----------
    path
        ``landscape.h5ad``: its layer ``detection`` is NaN where a gene is not measured.
    pairs
        Columns `gene_a`, `gene_b`.
    clusters
        Names of clusters.
    """
    from panscape.data.files import read_h5ad

    data = read_h5ad(path)
    if "detection" not in data.layers:
        return np.ones((len(pairs), len(clusters)), dtype=bool)
    known = ~np.isnan(np.asarray(data.layers["detection"]))[data.obs_names.get_indexer(clusters)]
    columns = [_positions(data.var_names, pd.Index(pairs[end]), path) for end in ("gene_a", "gene_b")]
    return (known[:, columns[0]] & known[:, columns[1]]).T


def read_pair_values(
    paths: Sequence[tuple[str | Path, str | Path, str | Path]], pairs: pd.DataFrame, clusters: pd.Index
) -> np.ndarray:
    """Return the coexpression of some gene pairs in some clusters.

    Parameters
    ----------
    paths
        Per study: its ``clusters.tsv``, ``matrices.npz`` and ``pairs.tsv``.
    pairs
        Columns `gene_a`, `gene_b`, in the order of the genes.
    clusters
        Names of clusters.

    Returns
    -------
    float (pairs, clusters): 0 where the pair did not survive the threshold.
    """
    from panscape.data.files import read_csr, read_tsv

    wanted = pd.MultiIndex.from_frame(pairs[["gene_a", "gene_b"]])
    result = np.zeros((len(pairs), len(clusters)))
    for clusters_path, matrix_path, pairs_path in paths:
        there = pd.MultiIndex.from_frame(read_tsv(pairs_path, dtype=str)[["gene_a", "gene_b"]])
        columns = there.get_indexer(wanted)
        rows = clusters.get_indexer(read_tsv(clusters_path)["cluster"])
        block = read_csr(matrix_path)[:, columns[columns >= 0]].toarray()
        result[np.ix_(np.flatnonzero(columns >= 0), rows[rows >= 0])] = block[rows >= 0].T
    return result


def _positions(there: pd.Index, wanted: pd.Index, path) -> np.ndarray:
    positions = there.get_indexer(wanted)
    if (positions < 0).any():
        raise KeyError(f"{path}: no gene {wanted[positions < 0][0]}")
    return positions
