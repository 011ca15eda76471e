"""Combination of all studies' clusters over the union of their gene pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.landscape.scores import Scores, stack_scores

if TYPE_CHECKING:
    from panscape.coscape.landscape.score_studies import PairSource


@dataclass(frozen=True)
class Study:
    """Clusters of one study with their coexpression and expression; all arrays have the clusters as rows.

    Parameters
    ----------
    name
        Study id.
    clusters
        Table of clusters: `cluster`, `study`, `resolution`, `level`, `parent`, `n_cells`, `multiplicity`
        and the annotations of :func:`annotate`.
    matrix
        CSR, clusters x pairs: coexpression, 0 where a pair did not survive the threshold.
    pairs
        int, (n_pairs, 2): positions of each pair's genes in `genes`, first <= second; the diagonal
        (first == second) is 1 where the gene varies in the cluster.
    genes
        Genes, identical and in the same order in all studies of a collection.
    expression
        (clusters, genes): geometric-mean expression, if available.
    mean, detection
        (clusters, genes): mean normalised log expression; fraction of cells with a count above 0. All three
        are NaN for genes that the study does not measure; no pair has such a gene.
    members, cells
        CSR (clusters, cells), ones, and the table of the cells with their `age`: required for p-values and
        intervals; None for neither.
    scores
        Statistics of the collection's chosen pairs, for the corrected distance; None without.
    source
        What scores are computed from where the study is in memory; None where they are read from files.
    """

    name: str
    clusters: pd.DataFrame
    matrix: sparse.csr_matrix
    pairs: np.ndarray
    genes: np.ndarray
    expression: np.ndarray | None = None
    mean: np.ndarray | None = None
    detection: np.ndarray | None = None
    members: sparse.csr_matrix | None = None
    cells: pd.DataFrame | None = None
    scores: Scores | None = None
    source: PairSource | None = None

    def __post_init__(self):
        rows = {len(self.clusters), self.matrix.shape[0]}
        rows |= {len(part) for part in (self.expression, self.mean, self.detection) if part is not None}
        rows |= {self.members.shape[0]} if self.members is not None else set()
        rows |= {self.scores.matrix.shape[0]} if self.scores is not None else set()
        if len(rows) != 1:
            raise ValueError(f"study {self.name}: arrays have different numbers of clusters: {sorted(rows)}")
        if self.pairs.shape != (self.matrix.shape[1], 2):
            raise ValueError(f"study {self.name}: {self.matrix.shape[1]} columns, {len(self.pairs)} pairs")


@dataclass(frozen=True)
class Combined:
    """All clusters of all studies; parts as in :class:`Study`, rows in the order of the studies.

    The pairs are the union over studies in canonical order: by first gene, then by second gene.
    """

    clusters: pd.DataFrame
    matrix: sparse.csr_matrix
    pairs: np.ndarray
    genes: np.ndarray
    expression: np.ndarray | None = None
    mean: np.ndarray | None = None
    detection: np.ndarray | None = None
    scores: Scores | None = None

    @property
    def diagonal(self) -> np.ndarray:
        """Return bool (n_pairs,): True for the pairs of a gene with itself."""
        return self.pairs[:, 0] == self.pairs[:, 1]

    @property
    def measured(self) -> np.ndarray | None:
        """Return bool (n_clusters, n_genes): genes that a cluster's study measures; None if all do."""
        if self.detection is None:
            return None
        known = ~np.isnan(self.detection)
        return None if known.all() else known

    def rows(self, index: np.ndarray) -> Combined:
        """Return the clusters at the given positions (in this order, repeats allowed)."""
        parts: dict[str, Any] = {
            name: None if (part := getattr(self, name)) is None else part[index]
            for name in ("expression", "mean", "detection")
        }
        clusters = self.clusters.iloc[index].reset_index(drop=True)
        scores = None if self.scores is None else self.scores.rows(index)
        return replace(self, clusters=clusters, matrix=self.matrix[index], scores=scores, **parts)


def combine_studies(studies: Sequence[Study]) -> Combined:
    """Stack the studies' clusters over the union of their gene pairs.

    Parameters
    ----------
    studies
        At least one; all with the same genes in the same order.

    Returns
    -------
    The clusters of all studies, one row each.

    Raises
    ------
    ValueError
        If the studies' genes differ, a pair is below the diagonal, two clusters have the same name, or the
        studies were scored for different pairs.
    """
    if not studies:
        raise ValueError("no studies to combine")
    genes = np.asarray(studies[0].genes)
    width = len(genes)
    codes = []
    for study in studies:
        if not np.array_equal(genes, study.genes):
            raise ValueError(f"studies {studies[0].name} and {study.name} have different genes")
        first, second = study.pairs.astype(np.int64).T.reshape(2, -1)
        if len(first) and (first.min() < 0 or second.max() >= width or (first > second).any()):
            raise ValueError(f"study {study.name}: pairs must be positions in the upper triangle")
        codes.append(first * width + second)
    union = np.unique(np.concatenate(codes))
    parts = []
    for study, code in zip(studies, codes, strict=True):
        columns = np.searchsorted(union, code)
        source = sparse.coo_matrix(study.matrix)
        shape = (source.shape[0], len(union))
        parts.append(sparse.coo_matrix((source.data, (source.row, columns[source.col])), shape=shape))
    matrix = sparse.csr_matrix(sparse.vstack(parts), dtype=np.float32)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    clusters = pd.concat([study.clusters for study in studies], ignore_index=True)
    if clusters["cluster"].duplicated().any():
        twice = clusters["cluster"][clusters["cluster"].duplicated()].iloc[0]
        raise ValueError(f"two clusters are named {twice}")
    dense = {
        name: None
        if any(getattr(study, name) is None for study in studies)
        else np.concatenate([getattr(study, name) for study in studies])
        for name in ("expression", "mean", "detection")
    }
    pairs = np.stack([union // width, union % width], axis=1)
    scores = stack_scores([study.scores for study in studies])
    return Combined(clusters, matrix, pairs, genes, **dense, scores=scores)


def expand_duplicates(data: Combined) -> Combined:
    """Repeat each cluster `multiplicity` times, as in the released code.

    The copies are named ``{cluster}-copy2`` and so on and follow their original.
    """
    times = data.clusters["multiplicity"].to_numpy(dtype=np.int64)
    repeated = data.rows(np.repeat(np.arange(len(times)), times))
    copy = repeated.clusters.groupby("cluster", sort=False).cumcount().to_numpy() + 1
    names = repeated.clusters["cluster"].to_numpy(dtype=object)
    names = [
        name if number == 1 else f"{name}-copy{number}" for name, number in zip(names, copy, strict=True)
    ]
    return replace(repeated, clusters=repeated.clusters.assign(cluster=names, copy=copy))
