"""Count matrices of AnnData objects in memory or in h5ad files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from panscape.data.readers.integers import check_counts
from panscape.errors import fail

if TYPE_CHECKING:
    from anndata import AnnData


def read_annotated(data: AnnData | str | Path, where: str = "data") -> AnnData:
    """Return an AnnData object as it is, or read it from the path of an h5ad file.

    Raises
    ------
    UserError
        If there is no such file, or `data` is neither.
    """
    import anndata

    if isinstance(data, (str, Path)):
        if not Path(data).is_file():
            raise fail(where, f"there is no file {data}", "give the path of an h5ad file, or an AnnData")
        return anndata.read_h5ad(data)
    if not isinstance(data, anndata.AnnData):
        raise fail(where, f"is {type(data).__name__}", "give an AnnData or the path of an h5ad file")
    return data


def raw_counts(table: AnnData, layer: str | None = None, where: str = "data") -> sparse.csr_matrix:
    """Return the raw counts of a table as CSR float32, cells x features.

    Parameters
    ----------
    table
        Cells x features.
    layer
        Layer with the counts; None takes ``X``.
    where
        What to call the table in messages.

    Raises
    ------
    UserError
        If there is no such layer, or its values are not counts.

    Examples
    --------
    >>> import anndata
    >>> raw_counts(anndata.AnnData(np.array([[0, 2], [1, 0]], dtype="float32"))).nnz
    2
    """
    if layer is not None and layer not in table.layers:
        known = ", ".join(table.layers) or "none"
        raise fail(where, f"no layer {layer!r} (there are: {known})", "name a layer with raw counts")
    values = table.X if layer is None else table.layers[layer]
    if values is None:
        raise fail(where, "X is empty", "name a layer with raw counts")
    counts = sparse.csr_matrix(values, dtype=np.float32)
    counts.eliminate_zeros()
    check_counts(counts, where)
    return counts
