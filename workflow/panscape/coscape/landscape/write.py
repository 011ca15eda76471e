"""Files of a landscape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.landscape.build import Landscape, plain_settings
from panscape.coscape.landscape.placement import HIGH, LOW, PLACEMENT, intervals, placement
from panscape.coscape.landscape.settings import CORRECTED

if TYPE_CHECKING:
    from anndata import AnnData

FIRST = (
    "study",
    "resolution",
    "level",
    "parent",
    "n_cells",
    "multiplicity",
    "age",
    "n_counts",
    "n_pairs",
    "n_used_pairs",
)


def cluster_table(landscape: Landscape) -> pd.DataFrame:
    """Return one row per distinct cluster: its annotations, `dpt_pseudotime` and `component`."""
    rows = landscape.originals
    clusters = landscape.data.clusters.iloc[rows].drop(columns=["copy"], errors="ignore")
    first = [name for name in FIRST if name in clusters]
    others = [name for name in clusters if name not in first and name != "cluster"]
    return clusters[["cluster", *first, *others]].assign(
        dpt_pseudotime=landscape.space.pseudotime[rows],
        component=landscape.space.diffusion.component[rows].astype(np.int64),
    )


def landscape_to_anndata(landscape: Landscape) -> AnnData:
    """Return the landscape as AnnData: clusters x genes.

    Returns
    -------
    X and layers ``mean`` and ``detection``: expression of the clusters; obs: annotations; obsp ``distances``
    and ``connectivities`` the graph, obsm ``X_draw_graph_fa`` and ``X_diffmap`` coordinates, uns: the
    settings, the statistics and the entries that scanpy reads (``neighbors``, ``iroot``). Copies of clusters
    (`duplicates`) are part of the graph but are not listed.
    """
    import anndata

    rows = landscape.originals
    data, space = landscape.data, landscape.space
    obs = cluster_table(landscape).set_index("cluster")
    for name in obs.columns:
        if obs[name].dtype == object:
            obs[name] = obs[name].fillna("").astype(str)
    if "level" in obs:
        obs["level"] = pd.to_numeric(obs["level"]).astype(np.float64)
    result = anndata.AnnData(
        X=None if data.expression is None else np.asarray(data.expression[rows], dtype=np.float32),
        obs=obs,
        var=pd.DataFrame(index=pd.Index(data.genes.astype(str), name="gene")),
        shape=(len(rows), len(data.genes)) if data.expression is None else None,
    )
    for name in ("mean", "detection"):
        if getattr(data, name) is not None:
            result.layers[name] = np.asarray(getattr(data, name)[rows], dtype=np.float32)
    result.obsp["distances"] = sparse.csr_matrix(space.neighbours.matrix[rows][:, rows])
    result.obsp["connectivities"] = sparse.csr_matrix(space.weights[rows][:, rows])
    result.obsm["X_draw_graph_fa"] = landscape.layout[rows]
    result.obsm["X_diffmap"] = space.diffusion.vectors[rows]
    result.uns["diffmap_evals"] = space.diffusion.values[0]
    result.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {
            "n_neighbors": landscape.settings.n_neighbors + 1,  # scanpy counts the cluster itself
            "method": landscape.settings.kernel,
            "metric": CORRECTED if landscape.settings.distance == CORRECTED else landscape.settings.metric,
        },
    }
    if space.root is not None:
        root = data.clusters["cluster"].iloc[space.root]
        result.uns["root"] = root
        result.uns["iroot"] = int(result.obs_names.get_loc(root)) if root in result.obs_names else -1
    result.uns["parameters"] = plain_settings(landscape.settings)
    result.uns["statistics"] = landscape.statistics
    return result


def pseudotime_table(
    obs: pd.DataFrame, times: np.ndarray | None = None, *, root: str | None = None
) -> pd.DataFrame:
    """Return ``pseudotime.tsv``, root first.

    Parameters
    ----------
    obs
        Of :func:`landscape_to_anndata`, or :func:`cluster_table` indexed by cluster.
    times
        (n_draws, n_clusters) from :func:`panscape.coscape.landscape.intervals.drawn_pseudotimes`; None if
        there are no intervals.
    root
        Name of the root; None: there is no pseudotime.

    Returns
    -------
    Columns `cluster`, `study`, `pseudotime`, with draws `pseudotime_low` and `pseudotime_high`, with a root
    `placement`, then `age`, `component` and the sizes.
    """
    table = obs.rename_axis("cluster").reset_index().rename(columns={"dpt_pseudotime": "pseudotime"})
    if "age" not in table:
        table["age"] = np.nan
    first = ["cluster", "study", "pseudotime"]
    if times is not None:
        known = table["pseudotime"].notna()
        for name, limit in zip((LOW, HIGH), intervals(times), strict=True):
            table[name] = np.where(known, limit, np.nan)  # a cluster without pseudotime has no interval
        first += [LOW, HIGH]
    if root is not None:
        table[PLACEMENT] = placement(table["pseudotime"].to_numpy(dtype=np.float64), times)
        first.append(PLACEMENT)
    sizes = ("age", "component", "n_cells", "n_counts", "n_pairs", "n_used_pairs")
    rest = [name for name in sizes if name in table]
    return table[first + rest].sort_values("pseudotime", kind="stable", na_position="last", ignore_index=True)
