"""Coexpression of all panclusters as one matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.dictionary.measured import Measured
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.errors import fail
from panscape.log import logger
from panscape.stats.rows import unit_rows

if TYPE_CHECKING:
    from panscape.coscape.landscape.combine import Combined

_NAMES = {"cluster": str, "study": str, "parent": str, "duplicates": str}


@dataclass(frozen=True)
class Stack:
    """Panclusters x gene pairs.

    Attributes
    ----------
    data
        CSR float64 (N, P): values to factorise.
    gene_a, gene_b
        (P,) genes of the pairs.
    genes
        The genes analysed.
    obs
        N rows, indexed by pancluster: the landscape's annotations and pseudotime.
    origin
        N rows: `resolution` and `duplicates` of clusters.tsv.
    times
        (N,) multiplicity of each pancluster in a fit.
    measured
        bool (N, n_genes): genes that a pancluster's study measures; None if all measure all. Pairs with other
        genes have no value, which differs from 0.
    """

    data: sparse.csr_matrix
    gene_a: np.ndarray
    gene_b: np.ndarray
    genes: np.ndarray
    obs: pd.DataFrame
    origin: pd.DataFrame
    times: np.ndarray
    measured: np.ndarray | None = None

    @property
    def diagonal(self) -> np.ndarray:
        """Return (P,) bool: pairs of a gene with itself."""
        return self.gene_a == self.gene_b

    @property
    def pseudotime(self) -> np.ndarray | None:
        """Return (N,) pseudotime, NaN where unknown; None if there is none."""
        column = self.obs.get("dpt_pseudotime")
        return None if column is None else column.to_numpy(dtype=float)

    def rows(self, chosen: np.ndarray) -> Stack:
        """Return a subset of the panclusters (bool or positions) over the same pairs."""
        return replace(
            self,
            data=sparse.csr_matrix(self.data[chosen]),
            obs=self.obs[chosen] if chosen.dtype == bool else self.obs.iloc[chosen],
            origin=self.origin[chosen] if chosen.dtype == bool else self.origin.iloc[chosen],
            times=self.times[chosen],
            measured=None if self.measured is None else self.measured[chosen],
        )

    def measured_by_study(self) -> dict[str, np.ndarray]:
        """Return study -> (n_genes,) bool: the genes that it measures; empty if all measure all."""
        if self.measured is None:
            return {}
        study = self.obs["study"].astype(str).to_numpy()
        return {name: self.measured[np.flatnonzero(study == name)[0]] for name in dict.fromkeys(study)}

    def groups(self, ends: PairIndex | None = None) -> Measured | None:
        """Return groups of panclusters that measure the same pairs, with genes numbered as in `ends`."""
        if self.measured is None:
            return None
        genes, group = np.unique(self.measured, axis=0, return_inverse=True)
        index = pd.Index(self.genes)
        first, second = (index.get_indexer(names) for names in (self.gene_a, self.gene_b))
        columns = genes[:, first] & genes[:, second]
        if ends is None:
            return Measured(group.reshape(-1), columns)
        names = np.unique(np.concatenate([self.gene_a, self.gene_b]).astype(str))
        return Measured(group.reshape(-1), columns, genes[:, index.astype(str).get_indexer(names)])


def read_stack(
    landscape: str | Path,
    clusters: Sequence[str | Path],
    matrices: Sequence[str | Path],
    pairs: Sequence[str | Path],
    settings: DictionarySettings | Mapping[str, Any],
) -> Stack:
    """Read the coexpression of all studies' panclusters and prepare it for a dictionary.

    Parameters
    ----------
    landscape, clusters, matrices, pairs
        See :func:`read_panclusters`.
    settings
        :class:`DictionarySettings` or a mapping with its keys.

    Raises
    ------
    UserError
        If there are fewer than two panclusters, or no gene pair is left.
    """
    combined, obs = read_panclusters(landscape, clusters, matrices, pairs)
    return make_stack(combined, obs, DictionarySettings.of(settings))


def read_panclusters(
    landscape: str | Path,
    clusters: Sequence[str | Path],
    matrices: Sequence[str | Path],
    pairs: Sequence[str | Path],
) -> tuple[Combined, pd.DataFrame]:
    """Read the coexpression of all studies' panclusters, and their annotations in the landscape.

    Parameters
    ----------
    landscape
        ``landscape.h5ad``: annotations and the fraction of expressing cells of every pancluster.
    clusters, matrices, pairs
        ``clusters.tsv``, ``matrices.npz`` and ``pairs.tsv`` of every study.

    Raises
    ------
    UserError
        If a pancluster is not in the landscape.
    """
    from panscape.coscape.landscape.combine import Study, combine_studies
    from panscape.coscape.landscape.read import pair_positions
    from panscape.data.files import read_csr, read_h5ad, read_tsv

    known = read_h5ad(landscape)
    genes = np.asarray(known.var_names, dtype=object)
    studies = []
    for tables, values, columns in zip(clusters, matrices, pairs, strict=True):
        table = read_tsv(tables, dtype=_NAMES)
        place = known.obs_names.get_indexer(table["cluster"])
        if (place < 0).any():
            raise fail(
                str(tables), f"{table['cluster'][place < 0].iloc[0]} is not in the landscape", "run it again"
            )
        studies.append(
            Study(
                table["study"].iloc[0] if len(table) else str(tables),
                table,
                read_csr(values),
                pair_positions(read_tsv(columns, dtype=str), genes, str(columns)),
                genes,
                detection=np.asarray(known.layers["detection"])[place],
            )
        )
    combined = combine_studies(studies)
    return combined, known.obs.loc[combined.clusters["cluster"]]


def make_stack(
    combined: Combined, obs: pd.DataFrame, settings: DictionarySettings, *, min_panclusters: int = 2
) -> Stack:
    """Select and scale the values of a `Combined` landscape, see :class:`DictionarySettings`.

    Parameters
    ----------
    combined
        Clusters of all studies, :class:`panscape.coscape.landscape.combine.Combined`.
    obs
        Annotations of the clusters, in the same order.
    settings
        Settings of the dictionary.
    min_panclusters
        Minimum number of panclusters.

    Raises
    ------
    UserError
        If there are fewer panclusters, or no gene pair is left.
    """
    from panscape.coscape.landscape.features import expected_cells

    if len(obs) < min_panclusters:
        raise fail(
            "panclust.min_cells",
            f"{len(obs)} pancluster cannot be explained by shared networks",
            "lower it",
            few=True,
        )
    data = sparse.csr_matrix(combined.matrix, dtype=np.float64, copy=True)
    diagonal = combined.diagonal[data.indices]
    row = np.repeat(np.arange(data.shape[0]), np.diff(data.indptr))
    kept = ~diagonal if settings.pairs == "off-diagonal" else np.ones(data.nnz, dtype=bool)
    if settings.min_expected > 0:
        kept &= diagonal | (
            expected_cells(combined, row, combined.pairs[data.indices]) >= settings.min_expected
        )
    if settings.min_z > 0:
        free = np.sqrt(np.maximum(combined.clusters["n_cells"].to_numpy(dtype=float)[row] - 3, 0))
        kept &= diagonal | (np.arctanh(np.minimum(np.abs(data.data), 1 - 1e-9)) * free >= settings.min_z)
    if settings.pairs == "symmetric":
        data.data[~diagonal] *= np.sqrt(2)
    data.data[~kept] = 0
    data.eliminate_zeros()
    columns = np.flatnonzero(np.bincount(data.indices, minlength=data.shape[1]) >= settings.pair_support)
    before = int((np.bincount(data.indices, minlength=data.shape[1]) > 0).sum())
    data = sparse.csr_matrix(data[:, columns])
    if data.nnz == 0 or data.data.max() <= 0:
        raise fail(
            "coexpression",
            f"no gene pair is positively coexpressed in at least {settings.pair_support} of the {len(obs)} "
            "panclusters",
            "lower coexpression.eta, dictionary.min_expected or dictionary.pair_support",
            few=True,
        )
    logger.info("%d panclusters, %d of %d gene pairs, %d values", len(obs), len(columns), before, data.nnz)
    if settings.scale == "unit":
        data = unit_rows(data)
    first, second = combined.genes[combined.pairs[columns]].T
    origin = combined.clusters[[name for name in ("resolution", "duplicates") if name in combined.clusters]]
    times = np.ones(len(obs), dtype=int)
    if settings.duplicates and "multiplicity" in combined.clusters:
        times = combined.clusters["multiplicity"].to_numpy(dtype=int)
    return Stack(data, first, second, combined.genes, obs, origin, times, combined.measured)
