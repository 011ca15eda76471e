"""The score statistic of chosen gene pairs in many draws of a study's cells."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.pair_scores import PairScorer, valid_pairs
from panscape.stats.score_terms import ScoreTerms

MOST_NUMBERS = 1 << 24  # sums of a study in memory at a time (128 MB)
MOST_DRAWS = 16  # draws at a time: more do not make it faster


@dataclass(frozen=True)
class DrawnScorer:
    """A study prepared for the statistics of many draws of its cells.

    It gives what :meth:`PairScorer.score` gives for each draw, but reads the counts once for several draws.

    Attributes
    ----------
    columns
        CSC float32 (n_cells, n_used): counts (or normalised values) of the genes of the pairs.
    h, group, size
        Of the weights, see :class:`panscape.coscape.coexpression.weights.Weights`.
    atom, contains
        See :func:`panscape.coscape.coexpression.atoms.atoms_of`.
    first, second
        int64 (n_pairs,) genes of each pair, by their place among the used genes.
    pearson
        Whether T is Pearson's correlation.
    """

    columns: sparse.csc_matrix
    h: np.ndarray
    group: np.ndarray
    size: np.ndarray
    atom: np.ndarray
    contains: sparse.csr_matrix
    first: np.ndarray
    second: np.ndarray
    pearson: bool

    @classmethod
    def of(cls, scorer: PairScorer) -> DrawnScorer:
        """Return the scorer of the same cells, clusters, pairs and weights."""
        weights = scorer.weights
        parts = weights.h, weights.group.astype(np.int64), weights.size
        pairs = scorer.first, scorer.second
        columns = sparse.csc_matrix(scorer.counts, dtype=np.float32)
        return cls(columns, *parts, scorer.atom, scorer.contains, *pairs, scorer.pearson)

    @property
    def n_at_once(self) -> int:
        """Return the number of draws whose sums fit in memory, 1 to :data:`MOST_DRAWS`."""
        height = 3 if self.pearson else 3 + len(self.h)
        width = len(self.first) + height * self.columns.shape[1]
        return min(max(MOST_NUMBERS // max(self.contains.shape[0] * width, 1), 1), MOST_DRAWS)

    def score(
        self, times: np.ndarray, *, min_expected: float, threads: int = 1
    ) -> Iterator[sparse.csr_matrix]:
        """Yield T of every cluster and pair in each draw.

        Parameters
        ----------
        times
            (n_cells, n_draws) how often each cell counts in each draw, >= 0.
        min_expected
            A pair is valid in a cluster where at least so many cells would have counts of both by chance.
        threads
            Number of threads; the result does not depend on it.

        Yields
        ------
        CSR float32 (n_clusters, n_pairs); nothing is stored where a pair is not valid.

        Examples
        --------
        >>> from panscape.coscape.coexpression.values import Values
        >>> rng = np.random.default_rng(0)
        >>> counts = sparse.csr_matrix(rng.poisson(rng.gamma(2, 1, (400, 1)) * np.ones(2)).astype("float32"))
        >>> values = Values(counts, np.full(400, 100.0), "log1p", 100.0)
        >>> members, pairs = sparse.csr_matrix(np.ones((1, 400))), np.array([[0, 1]])
        >>> scorer = DrawnScorer.of(PairScorer.of(values, members, None, pairs))
        >>> draws = rng.multinomial(400, np.full(400, 1 / 400), size=3).T
        >>> [one.toarray().item() > 0.2 for one in scorer.score(draws, min_expected=1)]
        [True, True, True]
        """
        for start in range(0, times.shape[1], self.n_at_once):
            part = np.ascontiguousarray(times[:, start : start + self.n_at_once], dtype=np.float64)
            yield from self._scored(part, min_expected, threads)

    def _scored(self, times: np.ndarray, min_expected: float, threads: int) -> Iterator[sparse.csr_matrix]:
        total, square, detected, cross = self._columns(times, threads)
        order, products = self._products(times, threads)
        pairs = self.first[order], self.second[order]
        powers, number = self._powers(times)
        for draw in range(times.shape[1]):
            scores = np.zeros((self.contains.shape[0], len(order)), dtype=np.float32)
            for row in range(self.contains.shape[0]):
                sums = total[draw, row], square[draw, row]
                n = float(number[draw, row])
                if self.pearson:
                    terms = ScoreTerms.pearson(n, *sums, detected[draw, row])
                else:
                    crossed = cross[draw, :, row]
                    terms = ScoreTerms.of_parts(
                        n, *sums, crossed, powers[draw, row], detected[draw, row], self.h
                    )
                kept, t = valid_pairs(products[draw, row], terms, *pairs, min_expected)
                scores[row, order[kept]] = t
            yield sparse.csr_matrix(scores)

    def _read(self, times: np.ndarray) -> tuple[Any, ...]:
        """Return what both sums read of the counts, and the sets of cells of each cluster."""
        columns, contains = self.columns, self.contains
        return (
            columns.indptr.astype(np.int64),
            columns.indices.astype(np.int32),
            columns.data.astype(np.float32),
            np.ascontiguousarray(self.h.T),
            self.group,
        ), (self.atom, times, contains.indptr.astype(np.int64), contains.indices.astype(np.int32))

    def _columns(self, times: np.ndarray, threads: int) -> tuple[np.ndarray, ...]:
        """Return sums of values, of their squares, of detections and by bin, of each draw and cluster."""
        from panscape.stats.drawn_sums import add_drawn_columns

        values, drawn = self._read(times)
        shape = times.shape[1], self.contains.shape[0], self.columns.shape[1]
        sums = tuple(np.zeros(shape) for _ in range(3))
        cross = np.zeros((0 if self.pearson else shape[0], len(self.h), *shape[1:]))

        def add(part: int) -> None:
            add_drawn_columns(*values, self.size, *drawn, *sums, cross, part, threads)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(add, range(threads)))
        return *sums, cross

    def _products(self, times: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an order of the pairs, and the sums of products of each draw, cluster and pair in it."""
        from panscape.stats.drawn_sums import add_drawn_products

        number = np.diff(self.columns.indptr)
        swap = number[self.first] < number[self.second]
        common, rare = np.where(swap, self.second, self.first), np.where(swap, self.first, self.second)
        order = np.argsort(common, kind="stable")
        total = np.empty((times.shape[1], self.contains.shape[0], len(order)))
        values, drawn = self._read(times)
        given = (*values, *drawn, common[order], rare[order], total)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: add_drawn_products(*given, part, threads), range(threads)))
        return order, total

    def _powers(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sums of powers of the size, (n_draws, n_clusters, n_bins, 4), and the numbers of cells."""
        n_atoms, n_bins = self.contains.shape[1], len(self.h)
        inside = np.flatnonzero(self.atom >= 0)
        place = self.atom[inside] * n_bins + self.group[inside]
        powers, number = [], []
        for weight in times[inside].T:
            sums = np.stack(
                [
                    np.bincount(place, weight * self.size[inside] ** power, n_atoms * n_bins)
                    for power in range(1, 5)
                ],
                axis=-1,
            )
            whole = self.contains @ sums.reshape(n_atoms, n_bins * 4)
            powers.append(whole.reshape(-1, n_bins, 4))
            number.append(self.contains @ np.bincount(self.atom[inside], weight, n_atoms))
        return np.stack(powers), np.stack(number)
