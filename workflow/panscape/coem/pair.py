"""Counts of RNA and accessibility of the same cells, from objects in memory or files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.annotated import raw_counts, read_annotated
from panscape.data.files import open_h5
from panscape.data.h5mu import read_modality, read_shared
from panscape.data.readers.features import modality_named
from panscape.data.readers.integers import check_counts
from panscape.errors import fail

MODALITIES = ("rna", "atac")


@dataclass(frozen=True)
class Pair:
    """Counts of one or two modalities of the same cells.

    Attributes
    ----------
    obs
        Annotations, indexed by cell.
    counts
        Modality (``"rna"``, ``"atac"``) -> CSR float32, cells x features.
    features
        Modality -> names of the features; None where the counts came as a matrix.
    """

    obs: pd.DataFrame
    counts: dict[str, sparse.csr_matrix]
    features: dict[str, pd.Index | None]


def read_pair(data: Any, layer: str | None = None) -> Pair:
    """Return the counts of MuData, an h5mu file, or a pair (RNA, accessibility).

    Parameters
    ----------
    data
        MuData or the path of an h5mu file with modalities ``rna`` and ``atac`` (or other usual names, such
        as ``GEX`` and ``peaks``), or a pair of AnnData, paths of h5ad files, CSR matrices, or None.
    layer
        Layer with the counts; None takes ``X``.

    Raises
    ------
    UserError
        If there is neither modality, cells differ, or values are not counts.

    Examples
    --------
    >>> pair = read_pair((sparse.csr_matrix(np.eye(3)), None))
    >>> len(pair.obs), list(pair.counts)
    (3, ['rna'])
    """
    if isinstance(data, (str, Path)):
        obs, tables = _from_file(data)
    elif hasattr(data, "mod"):
        obs = data.obs
        tables = {name: data.mod[known] for name in MODALITIES if (known := modality_named(data.mod, name))}
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        obs, tables = None, {n: part for n, part in zip(MODALITIES, data, strict=True) if part is not None}
    else:
        raise fail("data", f"is {type(data).__name__}", "give MuData, an h5mu file, or a pair (RNA, ATAC)")
    counts: dict[str, sparse.csr_matrix] = {}
    features: dict[str, pd.Index | None] = {}
    annotations: list[pd.DataFrame] = []
    for name, table in tables.items():
        if sparse.issparse(table) or isinstance(table, np.ndarray):
            counts[name], features[name] = sparse.csr_matrix(table, dtype=np.float32), None
            check_counts(counts[name], name)
        else:
            table = read_annotated(table, name)
            counts[name], features[name] = raw_counts(table, layer, name), table.var_names
            annotations.append(table.obs)
    if not counts:
        raise fail("data", "has neither RNA nor accessibility", "name the modalities rna and atac")
    return Pair(_shared(obs, annotations, counts), counts, features)


def _from_file(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    if not Path(path).is_file():
        raise fail("data", f"there is no file {path}", "give the path of an h5mu file")
    obs, _ = read_shared(path)
    with open_h5(path) as file:
        named = {name: modality_named(file["mod"], name) for name in MODALITIES}
    return obs, {name: read_modality(path, known) for name, known in named.items() if known is not None}


def _shared(
    obs: pd.DataFrame | None, annotations: list[pd.DataFrame], counts: dict[str, sparse.csr_matrix]
) -> pd.DataFrame:
    """Return the annotations of the cells; raise a UserError if cells differ between the modalities."""
    sizes = {name: matrix.shape[0] for name, matrix in counts.items()}
    indexes = [table.index for table in annotations] + ([] if obs is None else [obs.index])
    if len(set(sizes.values())) > 1 or any(not index.equals(indexes[0]) for index in indexes):
        raise fail(
            "data", f"cells differ between the modalities ({sizes})", "give the same cells in one order"
        )
    if obs is not None:
        annotations = [obs, *annotations]
    if not annotations:
        return pd.DataFrame(index=pd.RangeIndex(next(iter(sizes.values()))).astype(str))
    table = pd.concat(annotations, axis=1)
    return table.loc[:, ~table.columns.duplicated()]
