"""Scores of a dictionary's entries in every cell of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.nesting import finest_clusters
from panscape.coscape.dictionary.connectivity import pair_products, samples_of
from panscape.coscape.dictionary.membership import Membership, without_own
from panscape.coscape.dictionary.residuals import Moments, Rates, centred, indicator
from panscape.coscape.dictionary.study_cells import StudyCells
from panscape.coscape.dictionary.write import SavedDictionary
from panscape.data.counts import Counts
from panscape.stats.aucell import aucell

if TYPE_CHECKING:
    from anndata import AnnData

EMBEDDING, PRODUCTS, EXPECTED = "X_programs", "pair_products", "pair_expected"
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class StudyScores:
    """Scores of the entries in the cells of one study, see :func:`study_scores`.

    Attributes
    ----------
    total, within, rank
        float32 (n_cells, K).
    products, expected
        float32 (n_cells, K), of :func:`panscape.coscape.dictionary.connectivity.pair_products`.
    cluster
        int (n_cells,) row of the smallest pancluster of each cell, -1 for none.
    membership
        Sums for the correlations of genes and scores.
    """

    total: np.ndarray
    within: np.ndarray
    rank: np.ndarray
    products: np.ndarray
    expected: np.ndarray
    cluster: np.ndarray
    membership: Membership

    @property
    def between(self) -> np.ndarray:
        """Return float32 (n_cells, K): the mean of `total` over each cell's cluster."""
        return self.total - centred(self.total, self.cluster + 1).astype(np.float32)


@dataclass(frozen=True)
class Scaled:
    """Scores of standard deviation 1 and what they were divided by; means of the panclusters' residuals."""

    total: np.ndarray
    within: np.ndarray
    scale_total: np.ndarray
    scale_within: np.ndarray
    means: np.ndarray

    @classmethod
    def of(cls, total: np.ndarray, within: np.ndarray, means: np.ndarray) -> Scaled:
        """Scale centred scores (n_cells, K)."""
        scales = [np.maximum(part.std(axis=0), _TINY) for part in (total, within)]
        return cls(total / scales[0], within / scales[1], scales[0], scales[1], means)


def study_scores(
    source: Counts,
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    saved: SavedDictionary,
    sample: str | None = None,
) -> StudyScores:
    """Score the entries of a dictionary in every cell of a study.

    A score is a sum of Pearson residuals of counts under a negative binomial model of depth (Hafemeister and
    Satija 2019), weighted by the genes' weights in the entry. For `total`, the expected counts are those of
    the study's mean cell; for `within`, those of the mean cell of the smallest pancluster of the cell. What
    is left of depth, the slope of scores on log depth within clusters, is subtracted. Both have standard
    deviation 1: `total` over the study's cells, `within` within clusters. `rank` is AUCell's score of the
    entry's genes (Aibar et al. 2017), for comparison.

    Memory: a block of cells by genes, sums of clusters by genes, and the scores.

    Parameters
    ----------
    source
        Counts of the study.
    clusters, members
        Panclusters of the study and their cells, CSR (n_clusters, n_cells).
    saved
        The dictionary.
    sample
        Column with the sample of each cell, about whose means pairs of genes are multiplied.
    """
    cluster = finest_clusters(members)
    cells = StudyCells.of(source, cluster, saved)
    moments = Moments.of(cells.gene_blocks(), cells.depth, cells.group, len(cells.columns))
    fine, coarse = moments.rates(), moments.together().rates()
    total, within = np.zeros((2, len(cells.depth), len(saved.names)))
    rank = np.zeros(total.shape, dtype=np.float32)
    means = np.zeros((members.shape[0], len(cells.columns)))
    sets, belongs = cells.sets(), sparse.csc_matrix(members)
    for rows, block in cells.blocks():
        given, depth = sparse.csr_matrix(block[:, cells.columns]), cells.depth[rows]
        values = coarse.residuals(given, depth, np.zeros(block.shape[0], dtype=int))
        means += belongs[:, rows] @ values
        total[rows] = values @ cells.weights.T
        within[rows] = fine.residuals(given, depth, cells.group[rows]) @ cells.weights.T
        rank[rows] = aucell(block, sets)
    means /= np.maximum(np.diff(members.indptr), 1)[:, None]
    total, within = (without_depth(part, np.log(cells.depth), cells.group) for part in (total, within))
    within = centred(within, cells.group)
    scaled = Scaled.of(total - total.mean(axis=0), within, means)
    used = cell_usage(clusters, members, saved, cells.group)
    membership = _membership(cells, (fine, coarse), scaled, used, len(saved.genes))
    products, expected = pair_products(cells, fine, samples_of(source, sample))
    parts = [part.astype(np.float32) for part in (scaled.total, scaled.within, products, expected)]
    return StudyScores(parts[0], parts[1], rank, parts[2], parts[3], cluster, membership)


def without_depth(scores: np.ndarray, log_depth: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Subtract the slope of scores on log depth within groups; means of groups are compared at equal depth.

    Parameters
    ----------
    scores
        (n_cells, K).
    log_depth, group
        (n_cells,).

    Examples
    --------
    >>> scores, log_depth = np.array([[1.0], [3.0], [6.0], [8.0]]), np.array([0.0, 1.0, 0.0, 1.0])
    >>> without_depth(scores, log_depth, np.array([0, 0, 1, 1])).ravel().tolist()
    [2.0, 2.0, 7.0, 7.0]
    """
    inside = centred(log_depth[:, None], group)
    slope = (inside * scores).sum(axis=0) / max(float((inside**2).sum()), _TINY)
    return scores - (log_depth - log_depth.mean())[:, None] * slope


def cell_usage(
    clusters: pd.DataFrame, members: sparse.csr_matrix, saved: SavedDictionary, group: np.ndarray
) -> np.ndarray:
    """Return how much each group of cells uses the entries: (n_groups, K), the largest of an entry is 1.

    It is the mean code of the panclusters that contain a cell, averaged over the cells of the group.

    Parameters
    ----------
    clusters, members
        Panclusters of the study and their cells.
    saved
        The dictionary.
    group
        int (n_cells,) group of each cell.
    """
    place = pd.Index(saved.panclusters).get_indexer(clusters["cluster"])
    codes = saved.usage[place] * (place >= 0)[:, None]
    inside = indicator(group, int(group.max(initial=-1)) + 1)
    times = inside @ np.asarray(members.sum(axis=0)).ravel()
    used = (inside @ (members.T @ codes)) / np.maximum(times, 1)[:, None]
    return used / np.maximum(used.max(axis=0), _TINY)


def _membership(
    cells: StudyCells, rates: tuple[Rates, Rates], scores: Scaled, used: np.ndarray, n_genes: int
) -> Membership:
    """Return the sums of :class:`Membership`, over the dictionary's `n_genes` genes."""
    times = used[cells.group]
    n_entries = len(cells.weights)
    inside, inside_squares, over, means = np.zeros((4, len(cells.columns), n_entries))
    squares = np.zeros(len(cells.columns))
    for rows, block in cells.gene_blocks():
        depth = cells.depth[rows]
        values = rates[0].residuals(block, depth, cells.group[rows])
        inside += values.T @ (times[rows] * scores.within[rows])
        inside_squares += (values**2).T @ times[rows]
        values = rates[1].residuals(block, depth, np.zeros(len(depth), dtype=int))
        over += values.T @ scores.total[rows]
        means += values.sum(axis=0)[:, None]
        squares += (values**2).sum(axis=0)
    own_within, own_total = (
        (cells.weights / scale[:, None]).T for scale in (scores.scale_within, scores.scale_total)
    )
    n_cells = len(cells.depth)
    whole_squares = np.tile(squares[:, None], n_entries) - means**2 / n_cells
    parts = [
        *without_own(inside, inside_squares, (times * scores.within**2).sum(axis=0), own_within),
        *without_own(over, whole_squares, (scores.total**2).sum(axis=0), own_total),
        *_over_panclusters(cells, scores.means),
    ]
    sums = np.zeros((9, n_genes, n_entries))
    sums[:, cells.place] = parts
    effective = times.sum(axis=0) ** 2 / np.maximum((times**2).sum(axis=0), _TINY)
    between = ((scores.total - centred(scores.total, cells.group)) ** 2).sum(axis=0)
    return Membership.of(list(sums), [effective, between, (scores.total**2).sum(axis=0)])


def _over_panclusters(cells: StudyCells, means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    apart = means - means.mean(axis=0)
    scores = apart @ cells.weights.T
    squares = np.tile((apart**2).sum(axis=0)[:, None], scores.shape[1])
    return without_own(apart.T @ scores, squares, (scores**2).sum(axis=0), cells.weights.T)


def scores_to_anndata(
    scores: StudyScores, source: Counts, clusters: pd.DataFrame, names: list[str]
) -> AnnData:
    """Return the scores as AnnData: cells x entries.

    Parameters
    ----------
    scores
        Of :func:`study_scores`.
    source
        Counts of the study, for the annotation of its cells.
    clusters
        Panclusters of the study.
    names
        K entries.

    Returns
    -------
    X and obsm ``X_programs``: `total`; layers ``within``, ``between`` (the mean of `total` over the cell's
    cluster) and ``rank``; obsm ``pair_products`` and ``pair_expected``, whose sums over any cells have the
    mean correlation of the entries' genes in these cells as their ratio; obs: the annotation of the cells,
    and `cluster`, the smallest pancluster.
    """
    import anndata

    label = np.append(clusters["cluster"].to_numpy(dtype=object), "")
    obs = source.obs.assign(cluster=pd.Categorical(label[scores.cluster]))
    data = anndata.AnnData(scores.total, obs=obs, var=pd.DataFrame(index=pd.Index(names, dtype=str)))
    data.layers["within"] = scores.within
    data.layers["between"] = scores.between
    data.layers["rank"] = scores.rank
    data.obsm[EMBEDDING] = scores.total
    data.obsm[PRODUCTS], data.obsm[EXPECTED] = scores.products, scores.expected
    return data
