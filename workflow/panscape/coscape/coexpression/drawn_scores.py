"""The score statistic of chosen gene pairs in many draws of a study's cells."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.pair_scores import PairScorer, valid_pairs
from panscape.stats.score_terms import ScoreTerms

MOST_NUMBERS = 1 << 25  # sums of a study in memory at a time (256 MB)
MOST_DRAWS = 16  # draws at a time: more do not make it faster


@dataclass(frozen=True)
class DrawnScorer:
    """A study prepared for the statistics of many draws of its cells.

    It gives what :meth:`PairScorer.score` gives for each draw, but reads the counts once for several draws,
    and adds up cells that are drawn together, a unit, before it weights them.

    Attributes
    ----------
    columns
        CSC float32 (n_cells, n_used): counts (or normalised values) of the genes of the pairs. Cells are
        ordered by set and unit; those in no cluster come last.
    h, group, size
        Of the weights, see :class:`panscape.coscape.coexpression.weights.Weights`, of these cells.
    unit
        int64 (n_inside,) unit of each cell in a cluster, in their order, numbered anew.
    units
        int64 (n_drawn,): the units that these are, of those that are drawn.
    cells
        int64 (n_drawn,) number of cells of each.
    atom
        int64 (n_drawn,) set of cells that each is part of, see
        :func:`panscape.coscape.coexpression.atoms.atoms_of`.
    contains
        CSR (n_clusters, n_atoms).
    first, second
        int64 (n_pairs,) genes of each pair, by their place among the used genes.
    pearson
        Whether T is Pearson's correlation.
    """

    columns: sparse.csc_matrix
    h: np.ndarray
    group: np.ndarray
    size: np.ndarray
    unit: np.ndarray
    units: np.ndarray
    cells: np.ndarray
    atom: np.ndarray
    contains: sparse.csr_matrix
    first: np.ndarray
    second: np.ndarray
    pearson: bool

    @classmethod
    def of(cls, scorer: PairScorer, unit: np.ndarray | None = None) -> DrawnScorer:
        """Return the scorer of the same cells, clusters, pairs and weights.

        Parameters
        ----------
        scorer
            The study.
        unit
            int64 (n_cells,) unit of each cell, from 0; those of a unit are in the same clusters. None: each
            cell is drawn by itself.
        """
        weights, atom = scorer.weights, scorer.atom
        unit = np.arange(len(atom)) if unit is None else unit
        _, one, place = np.unique(unit, return_index=True, return_inverse=True)
        if (atom != atom[one][place]).any():
            raise ValueError("cells that are drawn together are in different clusters")
        order = np.lexsort((unit, np.where(atom >= 0, atom, atom.max(initial=0) + 1)))
        inside = order[: int((atom >= 0).sum())]
        units, first, cells = _runs(unit[inside])
        columns = _reordered(sparse.csc_matrix(scorer.counts, dtype=np.float32), order)
        return cls(
            columns,
            weights.h,
            weights.group.astype(np.int64)[inside],
            weights.size[inside],
            np.repeat(np.arange(len(units)), cells),
            units,
            cells,
            atom[inside][first],
            scorer.contains,
            scorer.first,
            scorer.second,
            scorer.pearson,
        )

    @cached_property
    def members(self) -> sparse.csr_matrix:
        """Return the drawn units of each cluster, CSR (n_clusters, n_drawn)."""
        at = np.arange(len(self.atom))
        shape = self.contains.shape[1], len(at)
        return sparse.csr_matrix(
            self.contains @ sparse.csr_matrix((np.ones(len(at)), (self.atom, at)), shape=shape)
        )

    @cached_property
    def cuts(self) -> np.ndarray:
        """Return where the chunks of cells begin in the columns."""
        from panscape.stats.drawn_sums import chunks_of

        return chunks_of(self.columns.indptr, self.columns.indices, len(self.unit))

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
            (n_units, n_draws) how often the cells of each unit count in each draw, >= 0.
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
            part = np.ascontiguousarray(times[self.units, start : start + self.n_at_once], dtype=np.float64)
            yield from self._scored(part, min_expected, threads)

    def _scored(self, times: np.ndarray, min_expected: float, threads: int) -> Iterator[sparse.csr_matrix]:
        total, square, detected, cross = self._columns(times, threads)
        order, products = self._products(times, threads)
        pairs = self.first[order], self.second[order]
        powers, number = self._powers(times)
        for draw in range(times.shape[1]):
            scores = np.zeros((self.contains.shape[0], len(order)), dtype=np.float32)
            for row in range(self.contains.shape[0]):
                sums = total[:, row, draw], square[:, row, draw]
                seen, n = np.ascontiguousarray(detected[:, row, draw]), float(number[draw, row])
                if self.pearson:
                    terms = ScoreTerms.pearson(n, *sums, seen)
                else:
                    crossed = cross[:, :, row, draw]
                    terms = ScoreTerms.of_parts(n, *sums, crossed, powers[draw, row], seen, self.h)
                product = np.ascontiguousarray(products[:, row, draw])
                kept, t = valid_pairs(product, terms, *pairs, min_expected)
                scores[row, order[kept]] = t
            yield sparse.csr_matrix(scores)

    def _read(self, times: np.ndarray) -> tuple[Any, ...]:
        """Return what both sums read of the counts, and the clusters of each set of cells."""
        columns, owners = self.columns, sparse.csr_matrix(self.contains.T)
        owners.sort_indices()
        return (
            self.cuts,
            columns.indices.astype(np.int32, copy=False),
            columns.data,
            np.ascontiguousarray(self.h.T),
            self.group,
        ), (
            self.unit,
            times,
            self.atom,
            owners.indptr.astype(np.int64),
            owners.indices.astype(np.int32),
        )

    def _columns(self, times: np.ndarray, threads: int) -> tuple[np.ndarray, ...]:
        """Return sums of values, of their squares, of detections and by bin, by gene, cluster and draw."""
        from panscape.stats.drawn_sums import add_drawn_columns

        values, drawn = self._read(times)
        shape = self.columns.shape[1], self.contains.shape[0], times.shape[1]
        sums = tuple(np.zeros(shape) for _ in range(3))
        cross = np.zeros((0 if self.pearson else len(self.h), *shape))

        def add(part: int) -> None:
            add_drawn_columns(*values, self.size, *drawn, *sums, cross, part, threads)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(add, range(threads)))
        return *sums, cross

    def _products(self, times: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an order of the pairs, and the sums of products by pair in it, cluster and draw."""
        from panscape.stats.drawn_sums import add_drawn_products

        number = np.diff(self.columns.indptr)
        swap = number[self.first] < number[self.second]
        common, rare = np.where(swap, self.second, self.first), np.where(swap, self.first, self.second)
        order = np.argsort(common, kind="stable")
        total = np.zeros((len(order), self.contains.shape[0], times.shape[1]))
        values, drawn = self._read(times)
        given = (*values, *drawn, common[order], rare[order], total)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: add_drawn_products(*given, part, threads), range(threads)))
        return order, total

    def _powers(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sums of powers of the size, (n_draws, n_clusters, n_bins, 4), and the numbers of cells."""
        n_units, n_bins = times.shape[0], len(self.h)
        place = self.unit * n_bins + self.group
        alone = np.stack(
            [np.bincount(place, self.size**power, n_units * n_bins) for power in range(1, 5)], axis=-1
        ).reshape(n_units, n_bins * 4)
        powers = [self.members @ (weight[:, None] * alone) for weight in times.T]
        number = (self.members @ (self.cells[:, None] * times)).T
        return np.stack(powers).reshape(times.shape[1], -1, n_bins, 4), number


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of runs of equal ones, where they begin, and their lengths."""
    first = np.flatnonzero(np.diff(values, prepend=-1))
    return values[first], first, np.diff(np.append(first, len(values)))


def _reordered(columns: sparse.csc_matrix, order: np.ndarray) -> sparse.csc_matrix:
    """Return a CSC matrix with its rows in another order, in its own memory."""
    place = np.empty(len(order), dtype=columns.indices.dtype)
    place[order] = np.arange(len(order), dtype=place.dtype)
    for start in range(0, columns.nnz, 1 << 22):
        part = slice(start, start + (1 << 22))
        columns.indices[part] = place[columns.indices[part]]
    columns.has_sorted_indices = False
    columns.sort_indices()
    return columns
