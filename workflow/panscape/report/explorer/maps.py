"""Maps to explore: points with columns to colour them by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.elements import read_frame, read_matrix
from panscape.data.files import open_h5, read_h5ad
from panscape.plot.view import LAYOUT
from panscape.report.explorer.bounds import MOST_EDGES, MOST_LEVELS, MOST_POINTS, numbers
from panscape.report.results import Results
from panscape.seeds import stream
from panscape.stats.pca import plane

LANDSCAPE = "landscape/landscape.h5ad"
COORDINATES, ACTIVE = "unicoord/coordinates.h5ad", "unicoord/active.tsv"
CROWDED = 2_000  # points
_HIDDEN = {"parent", "duplicates", "multiplicity", "barcode"}
_TITLES = {
    "dpt_pseudotime": "pseudotime",
    "n_cells": "cells",
    "n_counts": "depth",
    "n_pairs": "surviving gene pairs",
    "n_used_pairs": "gene pairs used",
    "mito_share": "mitochondrial share",
    "ribo_share": "ribosomal share",
    "n_genes": "detected genes",
    "component": "connected part",
}

Map = dict[str, Any]


def every_map(results: Results) -> list[Map]:
    """Return the maps that the results have, the landscape first."""
    made = [landscape_map(results), lines_map(results), *metacell_maps(results), coordinate_map(results)]
    return [one for one in made if one is not None]


def landscape_map(results: Results) -> Map | None:
    """Return the landscape with its graph."""
    if not results.has(LANDSCAPE):
        return None
    with open_h5(results.path(LANDSCAPE)) as file:
        obs, layout = read_frame(file["obs"]), file[f"obsm/{LAYOUT}"][:]
        connectivities = read_matrix(file["obsp/connectivities"])
    columns = obs[[name for name in obs if name not in _HIDDEN]]
    first = [name for name in ("dpt_pseudotime", "age", "study") if name in columns]
    columns = columns[[*first, *(name for name in columns if name not in first)]]
    graph = sparse.triu(sparse.coo_matrix(connectivities), k=1).tocoo()
    keep = np.argsort(-graph.data, kind="stable")[:MOST_EDGES]
    return {
        **points("Landscape", "cluster", obs.index, layout, columns, fixed=True),
        "size": obs["n_cells"].astype(int).tolist(),
        "edges": np.column_stack([graph.row[keep], graph.col[keep]]).tolist(),
    }


def lines_map(results: Results) -> Map | None:
    """Return the lines by their networks, of the kernel that is configured first."""
    kernels = [str(name) for name in results.settings("networks").get("kernels", [])]
    for kernel in kernels:
        name = f"networks/{kernel}/embedding.tsv"
        if results.has(name):
            table = results.table(name, dtype={"line": str})
            axes = [column for column in table if column.startswith("axis_")]
            if len(axes) < 2 or table.empty:
                return None
            what = kernel
            if "within" in table:  # coordinates are those of one cell type; show the one of most lines
                kind = table["within"].astype(str).mode()[0]
                table, what = table[table["within"].astype(str) == kind], f"{kernel}, {kind}"
            xy = table[axes[:2]].to_numpy(float)
            columns = table.drop(columns=["line", *axes])
            return points(f"Lines by their networks ({what})", "line", table["line"], xy, columns)
    return None


def metacell_maps(results: Results) -> list[Map]:
    """Return the cells of each multiome sample on the plane of their embedding, with their metacell."""
    made = []
    for name in results.matching("metacells/*/embedding.h5ad"):
        sample = name.split("/")[1]
        data = read_h5ad(results.path(name))
        spaces = [space for space in ("X_coem", "X_embedding", "X_rna") if space in data.obsm]
        if spaces:
            title = f"Cells of {sample} ({'COEM' if spaces[0] == 'X_coem' else spaces[0][2:]})"
            xy = plane(np.asarray(data.obsm[spaces[0]], dtype=np.float64))
            made.append(points(title, "cell", data.obs_names, xy, data.obs))
    return made


def coordinate_map(results: Results) -> Map | None:
    """Return cells on the plane of the unsupervised coordinates that carry information."""
    if not results.has(COORDINATES, ACTIVE):
        return None
    data = read_h5ad(results.path(COORDINATES))
    active = results.table(ACTIVE, dtype={"coordinate": str})
    used = set(active.loc[active["active"].astype(str) == "True", "coordinate"])
    inside = data.var_names.isin(used)
    if inside.sum() < 2:
        return None
    obs = data.obs[[name for name in data.obs if name not in _HIDDEN]]
    return points(
        "Learned coordinates (unsupervised)",
        "cell",
        data.obs_names,
        plane(np.asarray(data.X, dtype=np.float64)[:, inside]),
        obs,
    )


def points(
    title: str,
    noun: str,
    names: pd.Index | pd.Series,
    xy: np.ndarray,
    columns: pd.DataFrame,
    *,
    fixed: bool = False,
) -> Map:
    """Return a map's points, 20,000 of them drawn at random if there are more.

    Parameters
    ----------
    title, noun
        What the map shows, and what a point is.
    names
        (n,) names of the points.
    xy
        (n, 2) places.
    columns
        (n, ...) what the points are coloured by.
    fixed
        Keep all points in their order, which the edges of a graph need.

    Examples
    --------
    >>> made = points("Lines", "line", pd.Index(["a", "b"]), np.eye(2), pd.DataFrame({"dose": [1.0, 2.5]}))
    >>> made["columns"]
    [{'name': 'dose', 'kind': 'number', 'values': [1.0, 2.5]}]
    """
    rows = np.arange(len(names))
    if not fixed and len(rows) > CROWDED:  # in random order, so that no class covers the others
        rows = stream(0, "report", title).permutation(rows)[:MOST_POINTS]
    place = xy[rows]
    span = float(np.ptp(place, axis=0).max()) or 1.0
    place = np.rint((place - place.min(axis=0)) / span * 10_000).astype(int)
    coloured = [coloured_by(name, columns[name].iloc[rows]) for name in columns]
    return {
        "title": title,
        "noun": noun,
        "total": len(names),
        "names": [str(name) for name in np.asarray(names)[rows]],
        "x": place[:, 0].tolist(),
        "y": place[:, 1].tolist(),
        "columns": [column for column in coloured if column is not None],
    }


def coloured_by(name: str, column: pd.Series) -> dict[str, Any] | None:
    """Return a column as numbers or as codes of classes; None if it has no value or too many classes."""
    title = _TITLES.get(name, name.replace("_", " "))
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy(float)
        if not np.isfinite(values).any():
            return None
        return {"name": title, "kind": "number", "values": numbers(values)}
    texts = column.astype(object).where(column.notna(), "").astype(str)
    levels = sorted(set(texts) - {""})
    if not levels or len(levels) > MOST_LEVELS:
        return None
    codes = texts.map({level: at for at, level in enumerate(levels)}).fillna(-1).astype(int)
    return {"name": title, "kind": "class", "levels": levels, "codes": codes.tolist()}
