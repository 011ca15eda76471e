"""Links that hold within clusters of similar metacells, and pairs that share nothing but cell types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.coem.links.pairs import Pairs
from panscape.coem.links.target_decoy import fisher
from panscape.coem.links.two_kinds import Evidence, Support, fitted, support, type_only
from panscape.stats.pair_correlation import PairMatrix, pair_correlations
from panscape.stats.pca import principal_components
from panscape.stats.singular import least_squares
from panscape.stats.threads import limited

COMPONENTS = 20  # of RNA, in which metacells are clustered
MEAN_SIZE = 5  # smallest mean number of metacells of a cluster
MAX_CLUSTERS = 30
CLOSE = 0.02  # the fewest clusters whose mean silhouette is this close to the best are taken
MIN_LINKS = 20  # fewer tell nothing of the pairs that share only types
GENES = 100  # background genes and peaks that tell how far correlations spread within clusters
BELOW = 2.0  # score below the limit down to which pairs tell how the score rises with the correlation


class WithinMatrix(PairMatrix):
    """A sparse matrix with columns centred within clusters of observations, and scaled to norm 1.

    Parameters
    ----------
    values
        Observations x features.
    cluster
        Cluster of each observation, 0...
    """

    def __init__(self, values: sparse.spmatrix, cluster: np.ndarray):
        super().__init__(values)
        member = np.zeros((int(cluster.max()) + 1, len(cluster)))
        member[cluster, np.arange(len(cluster))] = 1
        self.member, self.mean = member, member / member.sum(axis=1, keepdims=True)

    def rows(self, columns: np.ndarray, *, ranks: bool = False) -> np.ndarray:
        """Return columns as rows of mean 0 in every cluster and norm 1 (0 if constant)."""
        return self.parts(columns, ranks=ranks)[0]

    def parts(self, columns: np.ndarray, *, ranks: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return :meth:`rows`, and the fraction of each column's variance that is within clusters."""
        total = super().rows(columns, ranks=ranks).astype(float)
        inner = total - total @ self.mean.T @ self.member
        share = (inner**2).sum(axis=1)
        flat = share <= 1e-6
        inner /= np.sqrt(np.where(flat, 1, share))[:, None]
        inner[flat] = 0
        return inner.astype(np.float32), share


def metacell_clusters(rna: sparse.spmatrix) -> np.ndarray:
    """Cluster metacells by expression (Ward), in as many clusters as stand apart the best (silhouette).

    Parameters
    ----------
    rna
        Normalised values, metacells x genes.

    Returns
    -------
    int64 (metacells,): cluster, 0...; all 0 with fewer than 10 metacells.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn.metrics import silhouette_score

    n = rna.shape[0]
    most = min(n // MEAN_SIZE, MAX_CLUSTERS)
    if most < 2:
        return np.zeros(n, dtype=np.int64)
    with limited(1):
        k = min(COMPONENTS, n - 1, rna.shape[1] - 1)
        points = principal_components(sparse.csr_matrix(rna), k).scores
        tree = linkage(points, "ward")
        labels = [fcluster(tree, number, "maxclust") - 1 for number in range(2, most + 1)]
        height = np.array([silhouette_score(points, one) if one.max() else -1.0 for one in labels])
    return labels[int(np.flatnonzero(height >= height.max() - CLOSE)[0])].astype(np.int64)


@dataclass(frozen=True)
class Coherence:
    """Metacells in clusters, and how correlations within them spread.

    Attributes
    ----------
    left, right
        RNA and accessibility, within clusters.
    ranks
        Whether ranks are correlated.
    pairs
        Candidate pairs.
    """

    left: WithinMatrix
    right: WithinMatrix
    ranks: bool
    pairs: Pairs

    @classmethod
    def of(cls, rna: sparse.spmatrix, atac: sparse.spmatrix, pairs: Pairs, *, ranks: bool) -> Coherence:
        """Cluster the metacells.

        Parameters
        ----------
        rna, atac
            Normalised values, metacells x features.
        pairs
            Candidate pairs.
        ranks
            Whether ranks are correlated.
        """
        cluster = metacell_clusters(rna)
        return cls(WithinMatrix(rna, cluster), WithinMatrix(atac, cluster), ranks, pairs)

    def probability(
        self, rows: np.ndarray, statistic: np.ndarray, score: np.ndarray, called: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Support | None]:
        """Return correlations within clusters, and what they tell of pairs that share only cell types.

        Parameters
        ----------
        rows
            Pairs that are tested.
        statistic, score
            Correlation and score of each of `rows`.
        called
            bool: which of `rows` are called.

        Returns
        -------
        Correlation within clusters of the called rows; the probability that they share nothing but types;
        and what is told of all rows of genes that have a called one. With fewer than 20 called rows the
        probability is 0, and nothing is told.
        """
        pairs = self.pairs
        free = self.left.n - len(self.left.member)
        if called.sum() < MIN_LINKS or free < 3 or len(self.left.member) < 2:
            gene, peak = pairs.gene[rows[called]], pairs.peak[rows[called]]
            inner = pair_correlations(self.left, self.right, gene, peak, ranks=self.ranks)
            return inner, np.zeros(len(inner)), None
        here = np.flatnonzero(np.isin(pairs.gene[rows], pairs.gene[rows[called]]))
        gene, peak = pairs.gene[rows[here]], pairs.peak[rows[here]]
        every = pair_correlations(self.left, self.right, gene, peak, ranks=self.ranks)
        signal, noise, part = self._expected(gene, peak, free)
        of_called = called[here]
        inner, share = every[of_called], part[of_called]
        sign = np.where(statistic[called] < 0, -1, 1)
        lowest = np.zeros(len(inner))
        for direction in (-1, 1):  # each has a score of its own
            side = np.where(statistic < 0, -1, 1) == direction
            if called[side].any():
                several = statistic[side], score[side], pairs.distance[rows][side], called[side]
                lowest[sign == direction] = lowest_called(*several)
        # the least correlation within clusters with which the pair would still have been called
        least = sign * inner - (np.abs(statistic[called]) - lowest) / np.maximum(share, 1e-6)
        least = np.minimum(least, sign * inner)
        evidence = Evidence(sign * inner, least, signal[of_called], noise[of_called])
        kinds = fitted(evidence)
        only = type_only(evidence, kinds)
        way, told = np.where(statistic[here] < 0, -1, 1), np.zeros(len(rows))
        told[here] = support(Evidence(way * every, np.full(len(every), -np.inf), signal, noise), kinds)
        return inner, only, Support(told, float(only.sum() / len(here)))

    def _expected(self, gene: np.ndarray, peak: np.ndarray, free: int) -> tuple[np.ndarray, ...]:
        """Return per pair the spread that signals give, that of noise, and the part of r within clusters."""
        genes, peaks = _spaced(self.pairs.genes), _spaced(self.pairs.pool)
        beside = self.left.rows(genes, ranks=self.ranks), self.right.rows(peaks, ranks=self.ranks)
        noise = 1 / free
        common = max(float(((beside[0] @ beside[1].T) ** 2).mean()) - noise, 1e-6)
        spreads, shares = [], []
        for matrix, columns, others in ((self.left, gene, beside[1]), (self.right, peak, beside[0])):
            names, place = np.unique(columns, return_inverse=True)
            spread, share = np.empty(len(names)), np.empty(len(names))
            for low in range(0, len(names), matrix.step):
                rows, part = matrix.parts(names[low : low + matrix.step], ranks=self.ranks)
                spread[low : low + matrix.step] = ((rows @ others.T) ** 2).mean(axis=1)
                share[low : low + matrix.step] = part
            spreads.append(np.maximum(spread - noise, 0)[place])
            shares.append(share[place])
        # spreads of genes and peaks are products of their own signals with the mean of the others'
        signal = np.sqrt(spreads[0] * spreads[1] / common)
        return signal, np.full(len(gene), np.sqrt(noise)), np.sqrt(shares[0] * shares[1])


def lowest_called(
    statistic: np.ndarray, score: np.ndarray, distance: np.ndarray, called: np.ndarray
) -> np.ndarray:
    """Return for each called pair about the least absolute correlation with which it would be called.

    Parameters
    ----------
    statistic, score, distance
        Correlation, score and distance of each pair.
    called
        bool: which pairs are called.
    """
    limit = score[called].min()
    near = score > limit - BELOW
    height = fisher(np.abs(statistic))
    design = np.column_stack([height, np.log10(np.abs(distance) + 1000), np.ones(len(score))])
    slope = float(least_squares(design[near], score[near])[0])
    return np.tanh(np.maximum(height[called] - (score[called] - limit) / max(slope, 0.1), 0))


def _spaced(columns: np.ndarray) -> np.ndarray:
    """Return at most 100 columns at even steps."""
    return columns[:: max(1, -(-len(columns) // GENES))]
