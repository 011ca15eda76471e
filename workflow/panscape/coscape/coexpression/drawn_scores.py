"""The score statistic of chosen gene pairs in many draws of a study's cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.lanes import PAIRS, Lanes, Tile, Tiles
from panscape.coscape.coexpression.pair_scores import PairScorer, stack_rows, valid_pairs
from panscape.data.counts import index_type
from panscape.stats.score_terms import ScoreTerms

MOST_NUMBERS = 1 << 25  # sums of products in memory at a time (256 MB), and single sums


@dataclass(frozen=True)
class DrawnScorer:
    """A study prepared for the statistics of many draws of its cells.

    It gives what :meth:`PairScorer.score` gives for each draw, but adds up cells that are drawn together, a
    unit, once for several draws, before it weights them.

    Attributes
    ----------
    tiles
        The counts (or normalised values) of the genes of the pairs in the cells in a cluster, ordered by set
        and unit.
    h, group, size
        Of the weights, see :class:`panscape.stats.count_weights.Weights`, of these cells.
    unit
        int64 (n_inside,) unit of each, in their order, numbered anew.
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

    tiles: Tiles
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
        counts, weights, atom = scorer.counts, scorer.weights, scorer.atom
        unit = np.arange(len(atom)) if unit is None else unit
        _, one, place = np.unique(unit, return_index=True, return_inverse=True)
        if (atom != atom[one][place]).any():
            raise ValueError("cells that are drawn together are in different clusters")
        order = np.lexsort((unit, np.where(atom >= 0, atom, atom.max(initial=0) + 1)))
        inside = order[: int((atom >= 0).sum())]
        units, first, cells = _runs(unit[inside])
        small = index_type(counts.shape[1])  # a quarter less memory
        read = counts.indptr.astype(np.int64), counts.indices.astype(small)
        group = weights.group.astype(np.int64)[inside]
        tiles = Tiles(
            (*read, counts.data.astype(np.float32, copy=False)),
            np.ascontiguousarray(weights.h.T),
            inside,
            group,
            Lanes.of(cells, atom[inside][first]),
        )
        return cls(
            tiles,
            weights.h,
            group,
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

    @property
    def n_bins(self) -> int:
        """Return the number of bins of depth whose sums T needs."""
        return 0 if self.pearson else len(self.h)

    @property
    def n_at_once(self) -> int:
        """Return the number of draws whose single sums fit in memory, at least 1."""
        each = self.contains.shape[0] * (3 + self.n_bins) * self.h.shape[1]
        return max(MOST_NUMBERS // max(each, 1), 1)

    def score(
        self, times: np.ndarray, *, min_expected: float, threads: int = 1
    ) -> Iterator[sparse.csr_matrix]:
        """Yield T of every cluster and pair in each draw.

        Parameters
        ----------
        times
            (n_units, n_draws) how often the cells of each unit count in each draw, >= 0. The scores of all
            draws are in memory at a time.
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
        drawn = np.ascontiguousarray(times[self.units], dtype=np.float64)
        scores = self._scores(drawn, min_expected, threads)
        while scores:
            parts = [tuple(zip(*row, strict=True)) for row in scores.pop(0)]
            rows = [(np.concatenate(kept), np.concatenate(t)) for kept, t in parts]
            yield stack_rows(rows, len(self.first))

    def _scores(self, times: np.ndarray, min_expected: float, threads: int) -> list[list[list[tuple]]]:
        """Return (positions, T) of the valid pairs by draw and cluster, in parts."""
        n_draws, n_clusters, n_pairs = times.shape[1], self.contains.shape[0], len(self.first)
        singles = self._singles(times).reshape(n_clusters, n_draws, 3 + self.n_bins, -1)
        powers, number = self._powers(times)
        small = index_type(n_pairs)  # scores of many draws are kept
        none = np.zeros(0, small), np.zeros(0, np.float32)
        scores: list[list[list[tuple]]] = [[[none] for _ in range(n_clusters)] for _ in range(n_draws)]
        step = max(MOST_NUMBERS // max(n_clusters * n_draws, 1), 1)
        for start in range(0, n_pairs, step):
            first, second = self.first[start : start + step], self.second[start : start + step]
            shape = -(-len(first) // PAIRS), n_draws, PAIRS
            products = self._by_cluster(shape, self.tiles.products(times, first, second, threads))
            for row, draw in np.ndindex(n_clusters, n_draws):
                n, (total, square, seen) = float(number[draw, row]), singles[row, draw, :3]
                if self.pearson:
                    terms = ScoreTerms.pearson(n, total, square, seen)
                else:
                    cross = singles[row, draw, 3:]
                    terms = ScoreTerms.of_parts(n, total, square, cross, powers[draw, row], seen, self.h)
                product = products[row, :, draw].reshape(-1)[: len(first)]
                kept, t = valid_pairs(product, terms, first, second, min_expected)
                scores[draw][row].append(((start + kept).astype(small), t))
        return scores

    def _by_cluster(self, shape: tuple[int, ...], sums: Iterator[tuple[int, np.ndarray]]) -> np.ndarray:
        """Return the sums over each cluster, (n_clusters, *shape), from those over sets of cells."""
        total, owners = np.zeros((self.contains.shape[0], *shape)), sparse.csc_matrix(self.contains)
        for atom, part in sums:
            for cluster in owners.indices[owners.indptr[atom] : owners.indptr[atom + 1]]:
                total[cluster] += part
        return total

    def _singles(self, times: np.ndarray) -> np.ndarray:
        """Return sums of values, their squares, detections and by bin, by cluster, draw, kind and gene."""
        from panscape.stats.drawn_sums import DEPTH, LANES, lane_sums

        alone = np.empty((3 + self.n_bins, self.h.shape[1], LANES))
        size, bins = np.zeros((DEPTH, LANES)), np.zeros((DEPTH, LANES), dtype=np.int64)

        def add(tile: Tile, weight: np.ndarray, part: np.ndarray) -> None:
            size[tile.place], bins[tile.place] = self.size[tile.cells], self.group[tile.cells]
            lane_sums(tile.values, tile.depth, size, bins, alone)
            part += weight.T @ alone.reshape(-1, LANES)[:, : len(weight)].T

        shape = times.shape[1], len(alone) * self.h.shape[1]
        return self._by_cluster(shape, self.tiles.sums(times, shape, add))

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
