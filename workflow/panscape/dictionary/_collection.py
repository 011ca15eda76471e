"""Projection of one collection onto another's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape.dictionary._place import place
from panscape.dictionary._project import Reference, align, neighbors, project_codes, unit_rows
from panscape.dictionary._settings import DictionarySettings
from panscape.dictionary._stack import Stack, read_stack
from panscape.dictionary._write import read_dictionary
from panscape.errors import fail
from panscape.reference import study_files

VALUES = ("dpt_pseudotime", "age")


def project_collection(
    folder: str | Path,
    landscape: str | Path,
    clusters: Sequence[str | Path],
    matrices: Sequence[str | Path],
    pairs: Sequence[str | Path],
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Place panclusters on the dictionary and landscape of a finished collection.

    Parameters
    ----------
    folder
        ``results/<collection>`` of the reference.
    landscape, clusters, matrices, pairs
        Files of the new collection, see :func:`read_stack`.
    settings
        The section ``dictionary`` of the new collection: how rows are made, alpha, neighbours, coverage.

    Returns
    -------
    cluster, study, age_known (where the new panclusters have an age), similarity, pseudotime and age of the
    reference with spread and interval, one column of codes per entry of the reference, nearest (the most
    similar pancluster).

    Raises
    ------
    UserError
        If the folder lacks a file, or no gene is shared.
    """
    import anndata

    saved = read_dictionary(_there(folder, "dictionary/dictionary.h5ad"))
    chosen = DictionarySettings.of({**settings, "pair_support": 1})
    map_file = _there(folder, "landscape/landscape.h5ad")
    names = sorted(anndata.read_h5ad(map_file, backed="r").obs["study"].astype(str).unique())
    given = [
        [_there(folder, path.relative_to(folder)) for path in study_files(folder, name)] for name in names
    ]
    old = read_stack(map_file, *zip(*given, strict=True), chosen)
    new = read_stack(landscape, clusters, matrices, pairs, chosen)
    return project_stack(saved, old, new, settings)


def project_stack(saved, old: Stack, new: Stack, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Place the panclusters of one stack on a dictionary and its stack; see :func:`project_collection`.

    Pairs with a gene that the new pancluster's study, or a study of the reference, does not measure are left
    out.
    """
    known = np.ones(len(old.genes), dtype=bool) if old.measured is None else old.measured.all(axis=0)
    everywhere = set(np.asarray(old.genes, dtype=object)[known])
    genes = np.asarray(new.genes, dtype=object)
    if new.measured is None:
        return _project(saved, old, new, settings, [gene for gene in genes if gene in everywhere])
    tables = []
    for flags in np.unique(new.measured, axis=0):
        rows = (new.measured == flags).all(axis=1)
        shared = [gene for gene in genes[flags] if gene in everywhere]
        tables.append(_project(saved, old, new.rows(rows), settings, shared))
    return pd.concat(tables).set_index("cluster").loc[list(new.obs.index)].reset_index()


def _project(
    saved, old: Stack, new: Stack, settings: Mapping[str, Any], genes: Sequence[str]
) -> pd.DataFrame:
    """Place panclusters by the pairs of some genes, which all of them and the whole reference measure."""
    columns = pd.MultiIndex.from_arrays([old.gene_a, old.gene_b]).get_indexer(
        pd.MultiIndex.from_arrays([saved.gene_a, saved.gene_b])
    )
    if (columns < 0).any():
        raise fail(
            "dictionary.project_onto",
            f"{(columns < 0).sum()} pairs of the dictionary are not in its coexpression files",
            "use the settings of `dictionary` that the reference was made with",
        )
    reference = Reference(
        saved.entries,
        old.data[:, columns],
        saved.gene_a,
        saved.gene_b,
        saved.genes,
        old.obs["study"].astype(str).to_numpy(),
    )
    aligned = align(reference, new.data, new.gene_a, new.gene_b, genes)
    if DictionarySettings.of(settings).scale == "unit":
        aligned = replace(aligned, matrix=unit_rows(aligned.matrix), new=unit_rows(aligned.new))
    known = [name for name in VALUES if name in old.obs]
    values = old.obs[known].apply(pd.to_numeric, errors="coerce")
    codes = project_codes(aligned, alpha=settings["alpha"])
    options = {"k": settings["neighbours"], "coverage": settings["coverage"]}
    placed = place(aligned, reference.study, values, codes, **options)
    table = pd.DataFrame({"cluster": new.obs.index, "study": new.obs["study"].astype(str).to_numpy()})
    if "age" in new.obs:
        table["age_known"] = pd.to_numeric(new.obs["age"]).to_numpy(dtype=float)
    table = pd.concat([table, placed, pd.DataFrame(codes[0], columns=saved.names)], axis=1)
    nearest = neighbors(aligned.new, aligned.matrix, 1)[0][:, 0]
    return table.assign(nearest=np.asarray(old.obs.index, dtype=object)[nearest])


def _there(folder: str | Path, name: str | Path) -> Path:
    path = Path(folder) / name
    if not path.exists():
        raise fail(
            "dictionary.project_onto", f"{path} does not exist", "run the stages of that collection first"
        )
    return path
