"""The clusters' expression: what coexpression is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coexpression._values import CHUNK_CELLS, Values

if TYPE_CHECKING:
    from anndata import AnnData


def cluster_expression(
    values: Values, members: sparse.csr_matrix, clusters: pd.DataFrame, genes: Sequence[str]
) -> AnnData:
    """Average the genes over the cells of each cluster.

    Parameters
    ----------
    values
        Of all cells of the study.
    members
        CSR, clusters x cells.
    clusters
        One row per cluster, column `cluster` with the names.
    genes
        Names, in the order of the columns of `values`.

    Returns
    -------
    AnnData, clusters x genes, float32, obs as `clusters` indexed by their names.

    - ``X``: geometric mean of the counts as MetaCell takes it (Coscape paper), exp(mean(log(1 + count))) - 1;
    - ``layers["mean"]``: mean of the normalised log values;
    - ``layers["detection"]``: share of cells with a count, 0 to 1.
    """
    import anndata

    shape = (members.shape[0], len(genes))
    logged, mean, detection = (np.zeros(shape) for _ in range(3))
    by_cell = sparse.csc_matrix(members, dtype=np.float64)
    for start in range(0, members.shape[1], CHUNK_CELLS):
        cells = slice(start, min(start + CHUNK_CELLS, members.shape[1]))
        block, part = values.counts[cells].astype(np.float64), by_cell[:, cells].tocsr()
        mean += (part @ values.normalised(cells)).toarray()
        block.data = np.log1p(block.data)
        logged += (part @ block).toarray()
        block.data[:] = 1.0
        detection += (part @ block).toarray()
    sizes = np.maximum(np.diff(members.indptr), 1)[:, None]
    table = clusters.set_index("cluster").rename_axis(None)
    table.index = table.index.astype(str)
    for column in table.columns.intersection(["parent", "duplicates"]):
        table[column] = table[column].fillna("").astype(str)
    if "level" in table:  # missing for the root
        table["level"] = table["level"].astype("float64")
    return anndata.AnnData(
        np.expm1(logged / sizes).astype(np.float32),
        obs=table,
        var=pd.DataFrame(index=pd.Index(list(genes), dtype=str)),
        layers={
            "mean": (mean / sizes).astype(np.float32),
            "detection": (detection / sizes).astype(np.float32),
        },
    )


def over_genes(expression: AnnData, genes: Sequence[str] | None) -> AnnData:
    """Return the expression over the genes of the collection, NaN for those that the study does not measure.

    Parameters
    ----------
    expression
        From :func:`cluster_expression`.
    genes
        Genes of the collection, those of `expression` among them; None or the same genes change nothing.

    Raises
    ------
    ValueError
        If a gene of `expression` is not among `genes`.
    """
    import anndata

    if genes is None or list(genes) == list(expression.var_names):
        return expression
    names = pd.Index(list(genes), dtype=str)
    place = names.get_indexer(expression.var_names)
    if (place < 0).any():
        raise ValueError(f"{expression.var_names[place < 0][0]} is not among the genes of the collection")

    def spread(values: np.ndarray) -> np.ndarray:
        whole = np.full((len(values), len(names)), np.nan, dtype=np.float32)
        whole[:, place] = values
        return whole

    layers = {name: spread(values) for name, values in expression.layers.items()}
    return anndata.AnnData(
        spread(expression.X), obs=expression.obs, var=pd.DataFrame(index=names), layers=layers
    )
