"""Phenotypes of lines."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, prod

import numpy as np
import pandas as pd

# names of control groups, which come first, so that "high" means the other group
REFERENCE = (
    "control",
    "controls",
    "ctrl",
    "healthy",
    "normal",
    "reference",
    "untreated",
    "wild type",
    "wt",
    "no",
)


@dataclass(frozen=True)
class Phenotype:
    """A phenotype of lines.

    Attributes
    ----------
    name
        Column of the phenotype.
    kind
        ``continuous`` or ``groups``.
    known
        (L,) bool: lines with a value.
    values
        (n,) values of these lines: numbers, or codes of the groups.
    groups
        Names of the groups in the order of their codes; empty for a continuous phenotype.
    """

    name: str
    kind: str
    known: np.ndarray
    values: np.ndarray
    groups: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Return the number of lines with a value."""
        return len(self.values)

    @property
    def two(self) -> bool:
        """Return whether there are exactly two groups."""
        return self.kind == "groups" and len(self.groups) == 2

    @property
    def testable(self) -> bool:
        """Return whether rank tests of genes apply: continuous phenotype, or two groups."""
        return self.kind == "continuous" or self.two

    @property
    def arrangements(self) -> int:
        """Return the number of distinct orders of the values, with equal values exchangeable."""
        counts = np.unique(self.values, return_counts=True)[1]
        return factorial(self.n) // prod(factorial(int(count)) for count in counts)

    @property
    def smallest_pvalue(self) -> float:
        """Return the smallest attainable two-sided p (an order and its reverse are equally extreme)."""
        return min(2 / self.arrangements, 1.0)

    def shuffled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return other labellings for a permutation test, (at most `count`, n).

        Every distinct labelling other than the observed one if there are at most `count` (an exact test),
        else `count` random permutations. In both cases p = (1 + number at least as extreme) / (1 + rows).
        """
        if self.arrangements - 1 <= count:
            return _arrangements(self.values)
        return rng.permuted(np.broadcast_to(self.values, (count, self.n)), axis=1)


def read_phenotype(column: pd.Series, *, min_lines: int = 6) -> tuple[Phenotype | None, str]:
    """Convert a column of the table of lines to a phenotype.

    Numbers with more than two values are continuous; two values or text define groups: controls (by common
    names) first, then in alphabetical order. The second of two groups counts as high.

    Parameters
    ----------
    column
        One value per line, NaN or empty where missing.
    min_lines
        Minimum number of lines with a value.

    Returns
    -------
    The phenotype or None, and the reason why it is not used (empty if it is).
    """
    text = column.astype(object).where(column.notna(), None)
    known = np.array([value is not None and str(value) != "" for value in text])
    n = int(known.sum())
    if n < min_lines:
        return None, f"{n} lines have a value, networks.min_lines is {min_lines}"
    numbers = pd.to_numeric(column[known].astype(str), errors="coerce")
    given = column[known].astype(str)
    if numbers.notna().all() and numbers.nunique() > 2:
        return Phenotype(str(column.name), "continuous", known, numbers.to_numpy(float)), ""
    labels = sorted(given.unique(), key=_natural)
    if len(labels) < 2:
        return None, f"all {n} lines have the value {labels[0]!r}"
    if len(labels) > n // 2:
        return None, f"{len(labels)} groups of {n} lines: text that tells lines apart, not groups"
    small = given.value_counts().min()
    if small < 2:
        return None, f"a group has one line ({given.value_counts().idxmin()!r})"
    codes = given.map({label: at for at, label in enumerate(labels)}).to_numpy(float)
    return Phenotype(str(column.name), "groups", known, codes, tuple(labels)), ""


def _arrangements(values: np.ndarray) -> np.ndarray:
    """Return all distinct orders of the values except the given one, in lexical order."""
    levels, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    arrangements = np.zeros((1, 0), dtype=np.int64)
    left = counts[None, :]
    for _ in range(len(values)):
        row, code = np.nonzero(left)  # extend each prefix by each remaining level
        arrangements = np.column_stack([arrangements[row], code])
        left = left[row]
        left[np.arange(len(row)), code] -= 1
    return levels[arrangements[(arrangements != codes.ravel()).any(axis=1)]]


def _natural(label: str) -> tuple:
    first = label.strip().lower().replace("-", " ").replace("_", " ") not in REFERENCE
    try:
        return (first, 0, float(label), label)
    except ValueError:
        return (first, 1, 0.0, label)
