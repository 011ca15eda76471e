"""Which study measures which gene or pair, and how to look only at what is measured.

A gene that a study does not measure has no value there: NaN in `detection`, no stored value in the matrix.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.landscape._combine import Combined
from panscape.landscape._statistics import benjamini_hochberg


@dataclass(frozen=True)
class Measured:
    """The columns that are measured in each row, for groups of rows that measure the same columns.

    Parameters
    ----------
    group
        int (n,): group of each row.
    columns
        bool (n_groups, p).
    """

    group: np.ndarray
    columns: np.ndarray

    @classmethod
    def of_genes(cls, data: Combined) -> Measured | None:
        """Return which genes the clusters measure; None if all measure all."""
        measured = data.measured
        if measured is None:
            return None
        columns, group = np.unique(measured, axis=0, return_inverse=True)
        return cls(group.reshape(-1), columns)

    @classmethod
    def of_pairs(cls, data: Combined, pairs: np.ndarray) -> Measured | None:
        """Return which pairs (p, 2) of genes the clusters measure; None if all measure all."""
        genes = cls.of_genes(data)
        if genes is None:
            return None
        return cls(genes.group, genes.columns[:, pairs[:, 0]] & genes.columns[:, pairs[:, 1]])

    def patterns(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (rows, columns): positions of columns that the same rows measure, and of those rows."""
        code = np.unique(self.columns, axis=1, return_inverse=True)[1].reshape(-1)
        order = np.argsort(code, kind="stable")
        for columns in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
            if len(columns):
                yield np.flatnonzero(self.columns[self.group, columns[0]]), columns

    def norms(self, vectors: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        """Return (n, n_groups): squared norms of the rows over the columns that each group measures."""
        values = vectors.astype(np.float64)
        return self._over(values.multiply(values) if sparse.issparse(values) else values**2)

    def sums(self, vectors: sparse.csr_matrix | np.ndarray) -> np.ndarray:
        """Return (n, n_groups): sums of the rows over the columns that each group measures."""
        return self._over(vectors.astype(np.float64))

    def shared(self) -> np.ndarray:
        """Return (n_groups, n_groups): how many columns two groups both measure."""
        flags = self.columns.astype(np.float64)
        return flags @ flags.T

    def _over(self, values) -> np.ndarray:
        return np.asarray(values @ self.columns.T.astype(np.float64))


def over_measured_genes(rank: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Make a ranking of genes along pseudotime look, for each gene, at the clusters that measure it.

    Parameters
    ----------
    rank
        Function (data, pseudotime, leaves) -> table with `gene`, `rho`, `pvalue`, `fdr` of complete data.

    Returns
    -------
    The same function of any data. Where genes are not measured in some clusters, it is called once for each
    set of genes that the same clusters measure, and the false discovery rate is taken over all genes.
    """

    @functools.wraps(rank)
    def ranked(
        data: Combined, pseudotime: np.ndarray, leaves: np.ndarray | None = None, **kwargs
    ) -> pd.DataFrame:
        measured = Measured.of_genes(data)
        if measured is None:
            return rank(data, pseudotime, leaves, **kwargs)
        tables = [
            rank(_of_genes(data, rows, genes), pseudotime[rows], _inside(leaves, rows), **kwargs)
            for rows, genes in measured.patterns()
        ]
        return _together(tables)

    return ranked


def over_measured_pairs(rank: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Make a ranking of gene pairs look, for each pair, at the clusters that measure both genes.

    Parameters
    ----------
    rank
        Function (data, pseudotime, leaves, listed=N) -> table with `rho`, `pvalue`, `fdr` of complete data,
        the N strongest rows (0: all).

    Returns
    -------
    As :func:`over_measured_genes`.
    """

    @functools.wraps(rank)
    def ranked(
        data: Combined,
        pseudotime: np.ndarray,
        leaves: np.ndarray | None = None,
        *,
        listed: int = 10_000,
        **kwargs,
    ) -> pd.DataFrame:
        measured = Measured.of_pairs(data, data.pairs)
        if measured is None:
            return rank(data, pseudotime, leaves, listed=listed, **kwargs)
        columns = sparse.csc_matrix(data.matrix)
        bare = replace(data, expression=None, mean=None, detection=None)
        tables = []
        for rows, pairs in measured.patterns():
            part = sparse.csr_matrix(columns[:, pairs])[rows]
            own = replace(bare, clusters=data.clusters.iloc[rows], matrix=part, pairs=data.pairs[pairs])
            tables.append(rank(own, pseudotime[rows], _inside(leaves, rows), listed=0, **kwargs))
        table = _together(tables)
        return table.head(listed) if listed else table

    return ranked


def _inside(leaves: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Return the positions of `leaves` among some rows."""
    return None if leaves is None else np.flatnonzero(np.isin(rows, leaves))


def _of_genes(data: Combined, rows: np.ndarray, genes: np.ndarray) -> Combined:
    """Return some clusters with some of their genes, without pairs."""
    dense = {
        name: None if (part := getattr(data, name)) is None else part[np.ix_(rows, genes)]
        for name in ("expression", "mean", "detection")
    }
    return Combined(
        data.clusters.iloc[rows].reset_index(drop=True),
        sparse.csr_matrix((len(rows), 0), dtype=np.float32),
        np.empty((0, 2), dtype=np.int64),
        data.genes[genes],
        **dense,
    )


def _together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several tables, strongest first, with one false discovery rate."""
    table = pd.concat(tables, ignore_index=True)
    table["fdr"] = benjamini_hochberg(table["pvalue"].to_numpy(dtype=np.float64))
    order = np.argsort(-table["rho"].abs().fillna(-1).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)
