"""Raw counts of one study, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import BLOCK_VALUES, Counts
from panscape.errors import fail

if TYPE_CHECKING:
    from anndata import AnnData


class MemoryCounts(Counts):
    """Counts in memory with the interface of :class:`panscape.data.counts.Counts`.

    Parameters
    ----------
    matrix
        CSR or array, (n_cells, n_genes): raw counts.
    obs
        n_cells rows, indexed by cell. A column `n_counts` (counts of each cell over all genes) is added if
        missing.
    var
        n_genes rows, indexed by gene.
    name
        Name of the data in messages.

    Raises
    ------
    UserError
        If a value is negative or not a whole number, or a gene name occurs twice.

    Examples
    --------
    >>> import pandas as pd
    >>> cells, genes = pd.DataFrame(index=["c1", "c2"]), pd.DataFrame(index=["Actb", "Sox2"])
    >>> counts = MemoryCounts(sparse.csr_matrix([[0, 3], [1, 0]]), cells, genes)
    >>> counts.shape, counts.obs["n_counts"].tolist()
    ((2, 2), [3.0, 1.0])
    """

    def __init__(
        self,
        matrix: sparse.spmatrix | np.ndarray,
        obs: pd.DataFrame,
        var: pd.DataFrame,
        name: str = "the data",
    ):
        self.matrix = sparse.csr_matrix(matrix, dtype=np.float32)
        self.path = Path(name)
        if (self.matrix.data < 0).any() or not np.array_equal(self.matrix.data, np.rint(self.matrix.data)):
            advice = "give raw counts, for instance layer='counts'"
            raise fail(name, "has negative or fractional values: these are not raw counts", advice)
        if not var.index.is_unique:
            twice = var.index[var.index.duplicated()][0]
            raise fail(name, f"has gene {twice} more than once", "run adata.var_names_make_unique()")
        self.obs = obs if "n_counts" in obs else obs.assign(n_counts=self._totals())
        self.var = var
        self.indptr = self.matrix.indptr.astype(np.int64)
        self.cells, self.genes = self.obs.index, self.var.index
        self.shape = self.matrix.shape

    def _totals(self) -> np.ndarray:
        return np.asarray(self.matrix.sum(axis=1, dtype=np.float64)).ravel()

    def blocks(self, max_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32 block) in order; a single block if `max_values` allows."""
        start = 0
        while start < self.shape[0]:
            limit = self.indptr[start] + max_values
            stop = max(int(np.searchsorted(self.indptr, limit, side="right")) - 1, start + 1)
            yield slice(start, stop), self.matrix[start:stop]
            start = stop


def read_counts(data: AnnData | Counts | str | Path, layer: str | None = None) -> Counts:
    """Return the raw counts of one study.

    Parameters
    ----------
    data
        AnnData (n_cells, n_genes), the path of an h5ad file, or counts, which are returned unchanged. Files
        of the workflow (CSR, column `n_counts`) are read in blocks, other files at once.
    layer
        Layer with the raw counts; None takes X.

    Raises
    ------
    UserError
        If there is no such layer, or the values are not counts.
    """
    if isinstance(data, Counts):
        return data
    if isinstance(data, (str, Path)):
        if layer is None and _is_prepared(data):
            return Counts(data)
        import anndata

        name, data = str(data), anndata.read_h5ad(data)
    else:
        name = "the AnnData"
    if layer is not None and layer not in data.layers:
        known = ", ".join(data.layers) or "none"
        raise fail(name, f"has no layer {layer!r}", f"its layers are: {known}")
    matrix = data.X if layer is None else data.layers[layer]
    if matrix is None:
        raise fail(name, "has no X", "name the layer of the raw counts")
    return MemoryCounts(matrix, data.obs, data.var, name)


def _is_prepared(path: str | Path) -> bool:
    """Return whether :class:`Counts` can read an h5ad file and its first values are counts."""
    import h5py

    with h5py.File(path) as file:
        x = file["X"]
        if not isinstance(x, h5py.Group) or x.attrs.get("encoding-type") != "csr_matrix":
            return False
        first = x["data"][:100_000]
        return (
            "n_counts" in file["obs"] and bool((first >= 0).all()) and np.array_equal(first, np.rint(first))
        )
