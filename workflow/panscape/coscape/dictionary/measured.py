"""Measured pairs of each pancluster, to which the squared error is restricted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from panscape.coscape.dictionary.coding import lasso_codes


@dataclass(frozen=True)
class Measured:
    """Groups of panclusters that measure the same genes.

    Attributes
    ----------
    group
        int (N,): group of each pancluster.
    columns
        bool (S, P): pairs that a group measures.
    genes
        bool (S, G): genes that a group measures, in the numbering of
        :class:`panscape.coscape.dictionary.products.PairIndex`; empty for free entries.
    """

    group: np.ndarray
    columns: np.ndarray
    genes: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=bool))

    def rows(self, chosen: np.ndarray) -> Measured:
        """Return the subset for some panclusters (bool or positions)."""
        return replace(self, group=self.group[chosen])

    def groups(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (group, positions of its panclusters)."""
        for group in range(len(self.columns)):
            rows = np.flatnonzero(self.group == group)
            if len(rows):
                yield group, rows


def encode_groups(
    grams: np.ndarray, target: np.ndarray, alpha: float, codes: np.ndarray | None, measured: Measured
) -> np.ndarray:
    """Return :func:`lasso_codes` with one matrix of inner products per group.

    Parameters
    ----------
    grams
        (S, K, K).
    target, alpha, codes
        As in :func:`lasso_codes`, all panclusters.
    measured
        Groups of panclusters.
    """
    result = np.zeros_like(target)
    for group, rows in measured.groups():
        start = None if codes is None else codes[rows]
        result[rows] = lasso_codes(grams[group], target[rows], alpha, start)
    return result


def code_products(codes: np.ndarray, measured: Measured) -> np.ndarray:
    """Return (S, K, K): the products of the codes, summed over the panclusters of each group."""
    products = np.zeros((len(measured.columns), codes.shape[1], codes.shape[1]))
    for group, rows in measured.groups():
        products[group] = codes[rows].T @ codes[rows]
    return products


def entry_products(entries: np.ndarray, measured: Measured) -> np.ndarray:
    """Return (S, K, K): inner products of the entries (K, P) over the pairs that each group measures."""
    products = np.zeros((len(measured.columns), len(entries), len(entries)))
    for group, columns in enumerate(measured.columns):
        part = entries[:, columns]
        products[group] = part @ part.T
    return products
