"""Mean expression and detection of genes in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.atoms import atoms_of
from panscape.coscape.coexpression.settings import EXPRESSIONS
from panscape.coscape.coexpression.values import CHUNK_CELLS, Values

if TYPE_CHECKING:
    from anndata import AnnData


def cluster_expression(
    values: Values,
    members: sparse.csr_matrix,
    clusters: pd.DataFrame,
    genes: Sequence[str],
    how: str = "geometric-mean",
) -> AnnData:
    """Compute expression and detection of genes in each cluster.

    Parameters
    ----------
    values
        Values of all cells of the study.
    members
        CSR, clusters x cells.
    clusters
        One row per cluster, column `cluster` with the names.
    genes
        Names, in the order of the columns of `values`.
    how
        Definition of ``X``, see Returns.

    Returns
    -------
    AnnData, clusters x genes, float32, obs as `clusters` indexed by their names.

    - ``X``: of the counts of a gene in the cells of a cluster

      - ``"geometric-mean"``: exp(mean(log(1 + count))) - 1, as in MetaCell;
      - ``"ratio"``: exp(mean(log(1 + count))) / (mean(count) + 1), at most 1, the definition
        in the Coscape paper, which measures how even counts are across cells and not their level;
      - ``"mean"``: mean(count), Coscape's released code;

    - ``layers["mean"]``: mean of the normalised log values;
    - ``layers["detection"]``: fraction of cells with a count, 0 to 1.
    """
    import anndata

    if how not in EXPRESSIONS:
        raise ValueError(f"expression {how!r}: one of {', '.join(EXPRESSIONS)}")
    # cells that share all their clusters are added up first
    atom, contains = atoms_of(sparse.csr_matrix(members))
    sums = _compiled_sums if values.large else _sparse_sums
    mean, logged, plain, detection = sums(values, atom, contains)
    sizes = np.maximum(np.diff(members.indptr), 1)[:, None]
    table = clusters.set_index("cluster").rename_axis(None)
    table.index = table.index.astype(str)
    for column in table.columns.intersection(["parent", "duplicates"]):
        table[column] = table[column].fillna("").astype(str)
    if "level" in table:  # the root has no level
        table["level"] = table["level"].astype("float64")
    return anndata.AnnData(
        _expression(logged / sizes, plain / sizes, how).astype(np.float32),
        obs=table,
        var=pd.DataFrame(index=pd.Index(list(genes), dtype=str)),
        layers={
            "mean": (mean / sizes).astype(np.float32),
            "detection": (detection / sizes).astype(np.float32),
        },
    )


def _sparse_sums(values: Values, atom: np.ndarray, contains: sparse.csr_matrix) -> np.ndarray:
    """Return sums of the normalised values, of log(1 + count), of the counts, and of detections.

    Parameters
    ----------
    values
        Values of all cells.
    atom, contains
        See :func:`panscape.coscape.coexpression.atoms.atoms_of`.

    Returns
    -------
    float64 (4, n_clusters, n_genes).
    """
    total = np.zeros((4, contains.shape[0], values.counts.shape[1]))
    for start in range(0, len(atom), CHUNK_CELLS):
        cells = slice(start, min(start + CHUNK_CELLS, len(atom)))
        used = np.flatnonzero(atom[cells] >= 0)
        place = atom[cells][used], used
        inside = sparse.csr_matrix((np.ones(len(used)), place), shape=(contains.shape[1], cells.stop - start))
        plain = values.counts[cells].astype(np.float64)
        logged, once = plain.copy(), plain.copy()
        logged.data, once.data[:] = np.log1p(plain.data), 1.0
        for part, block in zip(total, (values.normalised(cells), logged, plain, once), strict=True):
            part += (contains @ (inside @ block)).toarray()
    return total


def _compiled_sums(values: Values, atom: np.ndarray, contains: sparse.csr_matrix) -> np.ndarray:
    """Return :func:`_sparse_sums` by a compiled loop, in a fifth of the time."""
    from panscape.stats.value_kernel import add_expression

    rows, counts = np.argsort(atom, kind="stable"), values.counts
    rows = rows[atom[rows] >= 0]
    sums = np.zeros((4, contains.shape[1], counts.shape[1]))
    add_expression(counts.indptr, counts.indices, counts.data, values.factors(), rows, atom[rows], *sums)
    return np.stack([contains @ part for part in sums])


def _expression(logged: np.ndarray, mean: np.ndarray, how: str) -> np.ndarray:
    """Return expression from the means of log(1 + count) and of the counts, clusters x genes each."""
    if how == "mean":
        return mean
    return np.expm1(logged) if how == "geometric-mean" else np.exp(logged) / (mean + 1)


def expand_to_genes(expression: AnnData, genes: Sequence[str] | None) -> AnnData:
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
        expanded = np.full((len(values), len(names)), np.nan, dtype=np.float32)
        expanded[:, place] = values
        return expanded

    layers = {name: spread(values) for name, values in expression.layers.items()}
    return anndata.AnnData(
        spread(expression.X), obs=expression.obs, var=pd.DataFrame(index=names), layers=layers
    )
