"""Count matrices of AnnData objects in memory or in h5ad files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from panscape.data.readers.integers import check_counts
from panscape.errors import fail

if TYPE_CHECKING:
    from anndata import AnnData


def read_annotated(data: AnnData | str | Path, where: str = "data") -> AnnData:
    """Return an AnnData object unchanged, or read it from an h5ad file.

    Raises
    ------
    UserError
        If the file does not exist, or `data` is neither an AnnData object nor a path.
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
        Layer with the counts; None uses ``X``.
    where
        Name of the table in error messages.

    Raises
    ------
    UserError
        If the layer does not exist, or its values are not counts.

    Examples
    --------
    >>> import anndata
    >>> raw_counts(anndata.AnnData(np.array([[0, 2], [1, 0]], dtype="float32"))).nnz
    2
    """
    if layer is not None and layer not in table.layers:
        known = ", ".join(table.layers) or "none"
        raise fail(where, f"no layer {layer!r} (available: {known})", "name a layer with raw counts")
    values = table.X if layer is None else table.layers[layer]
    if values is None:
        raise fail(where, "X is empty", "name a layer with raw counts")
    counts = sparse.csr_matrix(values)
    check_counts(counts, where)  # as they are: float32 may round them to whole numbers
    counts = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
    counts.eliminate_zeros()
    return counts


def total_counts(table: AnnData, counts: sparse.csr_matrix) -> np.ndarray:
    """Return the total counts of each cell: column ``n_counts`` of `obs` if present, else the row sums."""
    if "n_counts" in table.obs:
        return table.obs["n_counts"].to_numpy(dtype=float)
    return np.asarray(counts.sum(axis=1), dtype=float).ravel()


def gene_columns(table: AnnData, genes: Sequence[str] | None, where: str = "data") -> np.ndarray:
    """Return the column positions of genes, in the given order.

    Parameters
    ----------
    table
        Cells x genes.
    genes
        Gene names; None uses the genes marked ``highly_variable`` in `var`, or all without such a column.
    where
        Name of the table in error messages.

    Raises
    ------
    UserError
        If genes are missing.
    """
    if genes is None:
        if "highly_variable" in table.var:
            return np.flatnonzero(table.var["highly_variable"].to_numpy(dtype=bool))
        return np.arange(table.n_vars)
    columns = table.var_names.get_indexer(list(genes))
    if (columns < 0).any():
        missing = [gene for gene, column in zip(genes, columns, strict=True) if column < 0]
        problem = f"{len(missing)} of the {len(columns)} genes are missing, e.g. {missing[0]}"
        raise fail(where, problem, "give data with the same gene names")
    return columns
