"""How much signal a pair of genes carries over all clusters, and the choice of the best pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.columns import SIGNAL_PAIRS
from panscape.coscape.coexpression.pair_rows import Passes
from panscape.errors import UserError, fail
from panscape.stats.score_terms import least_expected


@dataclass
class Signal:
    """Sums over the clusters of a study, for every pair of two genes.

    Attributes
    ----------
    genes
        (n_genes,) names.
    squares
        (n_genes, n_genes), upper triangle without diagonal: sum of T^2 over the clusters where the pair is
        valid.
    noise
        Likewise the sum of 1 / n, the expectation of T^2 under independence.
    """

    genes: np.ndarray
    squares: np.ndarray
    noise: np.ndarray

    @classmethod
    def empty(cls, genes: Sequence[str] | np.ndarray) -> Signal:
        """Return the sums over no cluster."""
        shape = len(genes), len(genes)
        return cls(np.asarray(genes, dtype=object), np.zeros(shape), np.zeros(shape))

    def add_block(
        self,
        score: np.ndarray,
        start: int,
        genes: np.ndarray,
        detected: np.ndarray,
        n: float,
        min_expected: float,
        passes: Passes,
    ) -> None:
        """Add T of some genes of a cluster with all later ones.

        Parameters
        ----------
        score, start, genes, detected, n
            As in :func:`panscape.coscape.coexpression.pair_rows.add_signal`.
        min_expected
            A pair is valid if at least so many cells would have counts of both genes by chance.
        passes
            See :class:`panscape.coscape.coexpression.pair_rows.Passes`.
        """
        n, least = float(max(n, 1)), least_expected(min_expected)
        passes.add(score, start, genes, detected, n, least, self.squares, self.noise)

    def stored(self) -> sparse.csr_matrix:
        """Return both sums for a file, CSR float32 (2 n_genes, n_genes): `squares` above `noise`."""
        return sparse.csr_matrix(np.concatenate([self.squares, self.noise]).astype(np.float32))

    @classmethod
    def of_stored(cls, stored: sparse.csr_matrix, genes: Sequence[str]) -> Signal:
        """Return the sums of :meth:`stored`.

        Raises
        ------
        ValueError
            If the number of genes is another one.
        """
        if stored.shape != (2 * len(genes), len(genes)):
            raise ValueError(f"the signal is {stored.shape[0]} x {stored.shape[1]}, of {len(genes)} genes")
        squares, noise = np.split(stored.toarray().astype(np.float64), 2)
        return cls(np.asarray(genes, dtype=object), squares, noise)

    def in_order(self, order: np.ndarray, genes: Sequence[str] | np.ndarray) -> Signal:
        """Return the sums with gene ``order[i]`` of `genes` at the place of gene i, as upper triangles."""
        result = Signal.empty(genes)
        self.place_into(result, order)
        return result

    def place_into(self, other: Signal, order: np.ndarray) -> None:
        """Write the sums over those of no cluster, with gene ``order[i]`` of the other in place of gene i."""
        for row, gene in enumerate(order):
            later = order[row + 1 :]
            place = np.minimum(gene, later), np.maximum(gene, later)
            other.squares[place] = self.squares[row, row + 1 :]
            other.noise[place] = self.noise[row, row + 1 :]


def choose_pairs(signals: Iterable[Signal], genes: Sequence[str], top: int) -> pd.DataFrame:
    """Choose the pairs with the most signal over the clusters of all studies.

    The signal of a pair is its sum of T^2 in excess of that of independent genes; its weight is the fraction
    of the sum that is signal.

    Parameters
    ----------
    signals
        Sums of each study; one at a time is in memory if they are made one by one.
    genes
        Genes of the collection, those of all studies among them.
    top
        Largest number of pairs.

    Returns
    -------
    Columns `gene_a`, `gene_b` (in the order of `genes`, as are the rows), `weight` (0 to 1), `signal` (> 0),
    `n_studies` (with a cluster where the pair is valid).

    Raises
    ------
    ValueError
        If a gene of a study is not among `genes`.
    UserError
        If no pair has signal.

    Examples
    --------
    >>> part = Signal.empty(["a", "b", "c"])
    >>> part.squares[0, 1:], part.noise[0, 1:] = [0.5, 0.1], [0.1, 0.2]
    >>> choose_pairs([part], ["a", "b", "c"], 10)[["gene_a", "gene_b", "weight"]].values.tolist()
    [['a', 'b', 0.8]]
    """
    names = pd.Index(list(genes), dtype=object)
    squares, noise = np.zeros((len(names),) * 2), np.zeros((len(names),) * 2)
    studies = np.zeros((len(names),) * 2, dtype=np.int32)
    for signal in signals:
        place = names.get_indexer(signal.genes)
        if (place < 0).any():
            raise ValueError(f"{signal.genes[place < 0][0]} is not among the genes of the collection")
        order, part = np.argsort(place), signal
        if (np.diff(place) < 0).any():
            part = signal.in_order(np.argsort(order), signal.genes[order])
        index: Any = np.ix_(place[order], place[order])
        if len(place) == len(names):
            index = slice(None)  # all genes: no copy
        squares[index] += part.squares
        noise[index] += part.noise
        studies[index] += part.noise > 0
    excess = squares - noise
    first, second = np.nonzero(np.triu(excess > 0, 1))
    if len(first) == 0:
        raise _without_signal(len(names), int((np.triu(noise, 1) > 0).sum()))
    strength = excess[first, second]
    # the first pairs in the order of the genes among ties
    chosen = np.sort(np.argsort(-strength, kind="stable")[:top])
    first, second, strength = first[chosen], second[chosen], strength[chosen]
    return pd.DataFrame(
        {
            "gene_a": names.to_numpy()[first],
            "gene_b": names.to_numpy()[second],
            # digits that a table keeps, so that a landscape in memory is that of the files
            "weight": np.round(strength / squares[first, second], 6),
            "signal": strength,
            "n_studies": studies[first, second],
        },
        columns=SIGNAL_PAIRS,
    )


def _without_signal(n_genes: int, n_valid: int) -> UserError:
    """Return the error of a collection whose pairs have no signal."""
    what = f"none of the {n_genes * (n_genes - 1) // 2} pairs of {n_genes} genes has signal: "
    if n_valid:
        what += f"{n_valid} can be measured, but do not correlate more than independent genes would"
    else:
        what += "in no pancluster would landscape.min_expected cells show both genes by chance"
    advice = "raise panclust.min_cells or preprocess.n_genes, lower landscape.min_expected, or write "
    return fail("landscape.distance", what, f"{advice}landscape.distance: thresholded", few=True)
