"""The score statistic of chosen gene pairs in every cluster of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.atoms import atoms_of
from panscape.coscape.coexpression.values import Values
from panscape.stats.count_weights import Weights
from panscape.stats.rows import by_label
from panscape.stats.score_terms import ScoreTerms, least_expected

MOST_SUMS = 1 << 25  # numbers in memory at a time (256 MB)
SINGLE = 3  # sums of a set of cells besides those by bin: total, square, detected


@dataclass(frozen=True)
class PairScorer:
    """A study prepared for :meth:`score`, which can be called for several draws of its cells.

    Attributes
    ----------
    counts
        CSR (n_cells, n_used) of the genes of the pairs.
    weights
        Weights of these genes.
    atom, contains
        See :func:`panscape.coscape.coexpression.atoms.atoms_of`.
    first, second
        int64 (n_pairs,) genes of each pair, by their place among the used genes.
    pearson
        Whether T is Pearson's correlation of the normalised values, which `counts` then has.
    """

    counts: sparse.csr_matrix
    weights: Weights
    atom: np.ndarray
    contains: sparse.csr_matrix
    first: np.ndarray
    second: np.ndarray
    pearson: bool = False

    @classmethod
    def of(
        cls, values: Values, members: sparse.csr_matrix, weights: Weights | None, pairs: np.ndarray
    ) -> PairScorer:
        """Prepare a study.

        Parameters
        ----------
        values, weights
            Counts of the study and their weights; without weights, T is Pearson's correlation of the
            normalised values.
        members
            CSR (n_clusters, n_cells).
        pairs
            int (n_pairs, 2): genes of each pair, positions among those of `values`.
        """
        used, place = np.unique(np.asarray(pairs, dtype=np.int64).reshape(-1, 2), return_inverse=True)
        first, second = place.reshape(-1, 2).astype(np.int64).T
        counts = values.counts  # not copied if all genes are used
        if len(used) < counts.shape[1]:
            counts = sparse.csr_matrix(counts[:, used])
        if weights is None:
            counts = replace(values, counts=counts).all_normalised()
            weighed = Weights.of_one(*counts.shape)
        else:
            weighed = weights.reordered(used)
        atom, contains = atoms_of(sparse.csr_matrix(members))
        return cls(counts, weighed, atom, contains, first.copy(), second.copy(), weights is None)

    def score(
        self, *, min_expected: float, multiplicity: np.ndarray | None = None, threads: int = 1
    ) -> sparse.csr_matrix:
        """Return T of every cluster and pair.

        Parameters
        ----------
        min_expected
            A pair is valid in a cluster where at least so many cells would have counts of both by chance.
        multiplicity
            (n_cells,) how often each cell counts, e.g. drawn by a bootstrap; None: once.
        threads
            Number of threads; the result does not depend on it.

        Returns
        -------
        CSR float32 (n_clusters, n_pairs); nothing is stored where a pair is not valid.
        """
        times = np.ones(len(self.atom)) if multiplicity is None else np.asarray(multiplicity, np.float64)
        sums, powers, number = self._sums(times)
        step = max(MOST_SUMS // max(self.contains.shape[1], 1), 1)
        parts = []
        for start in range(0, len(self.first), step):
            chosen = slice(start, start + step)
            products = self._products(self.first[chosen], self.second[chosen], times, threads)
            rows = [
                valid_pairs(
                    np.asarray(self.contains[row] @ products).ravel(),
                    terms,
                    self.first[chosen],
                    self.second[chosen],
                    min_expected,
                )
                for row, terms in enumerate(self._terms(sums, powers, number))
            ]
            parts.append(stack_rows(rows, products.shape[1]))
        if not parts:
            return sparse.csr_matrix((self.contains.shape[0], 0), dtype=np.float32)
        return parts[0] if len(parts) == 1 else sparse.hstack(parts, format="csr")

    def _products(self, first, second, times, threads: int) -> np.ndarray:
        """Return the sums of products of pairs over each set of cells, (n_atoms, n_pairs)."""
        from panscape.stats.gram_pairs import add_pair_products

        rows = np.argsort(self.atom, kind="stable")
        rows = rows[(self.atom[rows] >= 0) & (times[rows] > 0)]
        given: tuple[Any, ...] = (
            self.counts.indptr.astype(np.int64),
            self.counts.indices.astype(np.int32, copy=False),
            self.counts.data.astype(np.float32, copy=False),
            np.ascontiguousarray(self.weights.h.T),
            self.weights.group.astype(np.int64),
            rows,
            self.atom[rows],
            times[rows],
        )
        bounds = np.linspace(0, len(first), threads + 1).astype(np.int64)

        def part(number: int) -> np.ndarray:
            chosen = slice(bounds[number], bounds[number + 1])
            total = np.zeros((self.contains.shape[1], chosen.stop - chosen.start))
            add_pair_products(*given, first[chosen], second[chosen], total)
            return total

        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(part, range(threads)))
        return parts[0] if threads == 1 else np.concatenate(parts, axis=1)

    def _sums(self, times: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
        """Return the sums over each set of cells.

        Returns
        -------
        sums : csr_matrix
            ((n_bins + 3) * n_atoms, n_used): of s x h by bin, of x h, of its square, and detections.
        powers : ndarray
            (n_atoms, n_bins, 4) sums of powers of s.
        number : ndarray
            (n_atoms,) numbers of cells.
        """
        n_atoms, n_bins = self.contains.shape[1], len(self.weights.h)
        powers = np.zeros((n_atoms, n_bins, 4))
        number = np.zeros(n_atoms)
        stacked = []
        for cells in by_label(self.atom):
            atom, weight = self.atom[cells], times[cells]
            low, height = atom[0], atom[-1] - atom[0] + 1
            number[low : low + height] = np.bincount(atom - low, weight, height)
            place = (atom - low) * n_bins + self.weights.group[cells]
            size = self.weights.size[cells]
            for power in range(4):
                sums = np.bincount(place, weight * size ** (power + 1), height * n_bins)
                powers[low : low + height, :, power] = sums.reshape(height, n_bins)
            stacked.append(self._chunk_sums(cells, (atom - low) * (n_bins + SINGLE), weight, int(height)))
        if not stacked:
            return sparse.csr_matrix((0, self.counts.shape[1])), powers, number
        return sparse.vstack(stacked, format="csr"), powers, number

    def _chunk_sums(self, cells, base, weight, height: int) -> sparse.csr_matrix:
        """Return the rows of :meth:`_sums` for whole sets; `base` is the first row of each cell."""
        n_bins = len(self.weights.h)
        block = self.weights.weighted(self.counts[cells], cells)
        square, once = block.copy(), block.copy()
        square.data **= 2
        once.data[:] = 1
        at = np.arange(len(cells))
        shape = height * (n_bins + SINGLE), len(cells)
        bins = base + self.weights.group[cells]
        total = sparse.csr_matrix((weight * self.weights.size[cells], (bins, at)), shape=shape) @ block
        for offset, part in enumerate((block, square, once)):
            total = total + sparse.csr_matrix((weight, (base + n_bins + offset, at)), shape=shape) @ part
        return sparse.csr_matrix(total)

    def _terms(self, sums, powers, number) -> Iterator[ScoreTerms]:
        """Yield the terms of each cluster."""
        n_bins = len(self.weights.h)
        height = n_bins + SINGLE
        for row in range(self.contains.shape[0]):
            atoms = self.contains.indices[self.contains.indptr[row] : self.contains.indptr[row + 1]]
            at = (atoms[:, None] * height + np.arange(height)).ravel()
            pick = sparse.csr_matrix(
                (np.ones(len(at)), (np.tile(np.arange(height), len(atoms)), at)),
                shape=(height, sums.shape[0]),
            )
            dense = (pick @ sums).toarray()
            total, square, detected = dense[n_bins:]
            cells = float(number[atoms].sum())
            if self.pearson:
                yield ScoreTerms.pearson(cells, total, square, detected)
                continue
            yield ScoreTerms.of_parts(
                cells,
                total,
                square,
                dense[:n_bins],
                powers[atoms].sum(axis=0),
                detected,
                self.weights.h,
            )


def valid_pairs(
    products: np.ndarray, terms: ScoreTerms, first: np.ndarray, second: np.ndarray, min_expected: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (positions, T) of the valid pairs of a cluster, T not 0.

    Parameters
    ----------
    products
        (n_pairs,) sums of products over its cells.
    terms
        Its terms.
    first, second
        int64 (n_pairs,) genes of each pair, by their place in `terms`.
    min_expected
        As in :meth:`PairScorer.score`.
    """
    from panscape.stats.gram_pairs import pair_statistics

    left, right, noise = (np.ascontiguousarray(part.T) for part in (terms.left, terms.right, terms.noise))
    n, least = float(max(terms.n, 1)), least_expected(min_expected)
    return pair_statistics(products, left, right, noise, terms.detected, n, least, first, second)


def score_pairs(
    values: Values,
    members: sparse.csr_matrix,
    pairs: np.ndarray,
    weights: Weights | None,
    *,
    min_expected: float = 10.0,
    multiplicity: np.ndarray | None = None,
    threads: int = 1,
) -> sparse.csr_matrix:
    """Return the score statistic T of chosen gene pairs in every cluster of a study.

    Parameters
    ----------
    values
        Counts of the study's genes.
    members
        CSR (n_clusters, n_cells).
    pairs
        int (n_pairs, 2): genes of each pair, positions among those of `values`.
    weights
        From :func:`panscape.coscape.coexpression.weights.fit_weights`; None: T is Pearson's correlation of
        the normalised values.
    min_expected, multiplicity, threads
        See :meth:`PairScorer.score`.

    Returns
    -------
    CSR float32 (n_clusters, n_pairs); nothing is stored where a pair is not valid.

    Examples
    --------
    >>> from panscape.coscape.coexpression.weights import fit_weights
    >>> rng = np.random.default_rng(0)
    >>> rate = rng.gamma(2, 1, size=(400, 1)) * np.ones(3)
    >>> counts = sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
    >>> values = Values(counts, np.full(400, 100.0), "log1p", 100.0)
    >>> members = sparse.csr_matrix(np.ones((1, 400)))
    >>> t = score_pairs(values, members, np.array([[0, 1], [0, 2]]), fit_weights(values, members))
    >>> (t.toarray() > 0.2).tolist()
    [[True, True]]
    """
    scorer = PairScorer.of(values, members, weights, pairs)
    return scorer.score(min_expected=min_expected, multiplicity=multiplicity, threads=threads)


def stack_rows(rows: Sequence[tuple[np.ndarray, np.ndarray]], width: int) -> sparse.csr_matrix:
    """Return the CSR matrix, of `width` columns, whose rows have the given (columns, float32 values)."""
    indptr = np.concatenate([[0], np.cumsum([len(columns) for columns, _ in rows])])
    columns = np.concatenate([np.zeros(0, dtype=np.int32), *(columns for columns, _ in rows)])
    data = np.concatenate([np.zeros(0, dtype=np.float32), *(data for _, data in rows)])
    return sparse.csr_matrix((data, columns, indptr), shape=(len(rows), width))
