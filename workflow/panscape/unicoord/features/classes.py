"""AUROC of gene sets for each class against the others, within sampled units and averaged over units.

Comparing cells within a donor only leaves out what differs between donors (depth, chemistry, composition of
classes). The test statistic leaves out the donor in which a set does best, so that no single donor decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import ndtri

from panscape.data.labels import present
from panscape.stats.ranks import average_ranks

UNITS = ("donor", "sample", "animal", "line")  # columns of sampled units, in order of preference


@dataclass(frozen=True)
class Classes:
    """Classes of cells within sampled units.

    Attributes
    ----------
    names
        C classes that can be tested in at least one unit.
    n_cells
        (C,) labelled cells of each.
    blocks
        Per unit: the rows of its labelled cells, the classes tested there (numbers in `names`), and CSR
        (those classes, rows) of ones.
    """

    names: np.ndarray
    n_cells: np.ndarray
    blocks: tuple[tuple[np.ndarray, np.ndarray, sparse.csr_matrix], ...]

    @classmethod
    def of(cls, labels: ArrayLike, units: ArrayLike | None = None, *, min_cells: int = 5) -> Classes | None:
        """Group labelled cells by unit.

        Parameters
        ----------
        labels
            (n,) classes; missing ones (None, NaN, "") are ignored.
        units
            (n,) sampled units; None for a single one.
        min_cells
            Minimum number of cells of a class, and of other cells, for a test within a unit.

        Returns
        -------
        None if no unit has a class to test.
        """
        there = present(labels)
        text = np.array([str(value) for value in np.asarray(labels, dtype=object)], dtype=object)
        unit = np.zeros(len(text), dtype=object) if units is None else np.asarray(units, dtype=object)
        every, count = np.unique(text[there].astype(str), return_counts=True)
        parts = []
        for name in sorted(set(unit[there]), key=str):
            rows = np.flatnonzero(there & (unit == name))
            code = np.searchsorted(every, text[rows].astype(str))
            inside = np.bincount(code, minlength=len(every))
            tested = np.flatnonzero((inside >= min_cells) & (len(rows) - inside >= min_cells))
            if len(tested):
                parts.append((rows, tested, sparse.csr_matrix((code == tested[:, None]).astype(np.float64))))
        if not parts:
            return None
        used = np.unique(np.concatenate([part[1] for part in parts]))
        blocks = tuple((rows, np.searchsorted(used, tested), ones) for rows, tested, ones in parts)
        return cls(every[used].astype(object), count[used], blocks)

    @property
    def n_units(self) -> np.ndarray:
        """(C,) units in which each class is tested."""
        tested = np.concatenate([block[1] for block in self.blocks])
        return np.bincount(tested, minlength=len(self.names))


@dataclass(frozen=True)
class Areas:
    """AUROCs of sets for classes.

    Attributes
    ----------
    mean, lowest
        (C, T) over units.
    replicated
        (C, T) mean without the unit of the highest AUROC; the plain mean if there is one unit only.
    sd
        (C, T) standard deviation of the mean if labels were shuffled within units (exact, ties included).
    """

    mean: np.ndarray
    lowest: np.ndarray
    replicated: np.ndarray
    sd: np.ndarray


def class_areas(scores: np.ndarray, classes: Classes) -> Areas:
    """Return AUROCs of scores (n, T) for each class against the others, within units."""
    shape = (len(classes.names), scores.shape[1])
    total, variance = np.zeros(shape), np.zeros(shape)
    highest, lowest = np.full(shape, -np.inf), np.full(shape, np.inf)
    for rows, tested, ones in classes.blocks:
        rank = average_ranks(scores[rows], axis=0)
        n, inside = len(rows), np.asarray(ones.sum(axis=1)).reshape(-1, 1)
        pairs = inside * (n - inside)
        area = (ones @ rank - inside * (inside + 1) / 2) / pairs
        total[tested] += area
        variance[tested] += rank.var(axis=0) / ((n - 1) * pairs)
        highest[tested] = np.maximum(highest[tested], area)
        lowest[tested] = np.minimum(lowest[tested], area)
    units = classes.n_units[:, None]
    replicated = np.where(units > 1, (total - highest) / np.maximum(units - 1, 1), total)
    return Areas(total / units, lowest, replicated, np.sqrt(variance) / units)


def distance(area: np.ndarray, classes: Classes) -> np.ndarray:
    """Return AUROCs (C, T) on the probit scale, which separates 0.99 from 0.999; 0 and 1 stay finite."""
    inside = np.zeros(len(classes.names))
    for rows, tested, ones in classes.blocks:
        count = np.asarray(ones.sum(axis=1)).ravel()
        inside[tested] += count * (len(rows) - count)
    edge = 0.5 / (inside[:, None] + 1)
    return ndtri(np.clip(area, edge, 1 - edge))


def shuffled_z(areas: Areas) -> np.ndarray:
    """Return z-scores (C, T) of mean AUROCs under labels shuffled within each unit."""
    return np.where(areas.sd > 0, (areas.mean - 0.5) / np.where(areas.sd > 0, areas.sd, 1.0), 0.0)
