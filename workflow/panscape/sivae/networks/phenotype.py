"""Phenotypes of lines, and what may be exchanged in tests of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.stats.designs import labellings, n_arrangements, orders, smallest_pvalue

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

    Tests have units: the lines; or the blocks (donors) if all lines of a block share its value, whose lines
    are then averaged. A phenotype that differs within blocks is tested within them.

    Attributes
    ----------
    name
        Column of the phenotype, followed by the cell type within which lines are compared, if there is one.
    kind
        ``continuous`` or ``groups``.
    known
        (L,) bool: lines with a value that take part in tests.
    values
        (n,) values of the units: numbers, or codes of the groups.
    groups
        Names of the groups in the order of their codes; empty for a continuous phenotype.
    owner
        (L,) unit of every line, -1 where unknown; None: every known line is a unit.
    strata
        (n,) codes of the blocks within which the phenotype is permuted; None: free.
    block
        Name of the column with the blocks; empty without.
    adjusted
        Names of the covariates that tests adjust for.
    column, within
        Column of the phenotype, and cell type of the lines (empty if lines are not divided by type).
    covariates, linear
        (n, k) their regressors, numbers by their ranks (for ranked networks) and as they are (for maps).
    """

    name: str
    kind: str
    known: np.ndarray
    values: np.ndarray
    groups: tuple[str, ...] = ()
    owner: np.ndarray | None = None
    strata: np.ndarray | None = None
    block: str = ""
    adjusted: tuple[str, ...] = ()
    column: str = ""
    within: str = ""
    covariates: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    linear: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def n(self) -> int:
        """Return the number of units with a value."""
        return len(self.values)

    @property
    def unit(self) -> str:
        """Return what the samples of tests are: ``line``, or the column of the blocks."""
        return self.block if self.owner is not None else "line"

    @property
    def two(self) -> bool:
        """Return whether there are exactly two groups."""
        return self.kind == "groups" and len(self.groups) == 2

    @property
    def many(self) -> int:
        """Return the number of groups if there are more than two, else 0."""
        return len(self.groups) if len(self.groups) > 2 else 0

    @property
    def arrangements(self) -> int:
        """Return the number of distinct orders of the values, with equal values exchangeable."""
        return n_arrangements(self.values, self.strata)

    @property
    def smallest_pvalue(self) -> float:
        """Return the smallest attainable two-sided p (an order and its reverse are equally extreme)."""
        return smallest_pvalue(self.values, self.strata, groups=self.many > 0)

    @property
    def design(self) -> np.ndarray:
        """Return (n, k) regressors of maps: indicators of the strata, and covariates."""
        parts = [self.linear] if self.adjusted else [np.zeros((self.n, 0))]
        if self.strata is not None:
            parts.append((self.strata[:, None] == np.unique(self.strata)).astype(float))
        return np.hstack(parts)

    def shuffled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return other labellings for a permutation test, (at most `count`, n).

        See :func:`panscape.stats.designs.labellings`.
        """
        return labellings(self.values, count, rng, self.strata)

    def orders(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return other orders of the units, see :func:`panscape.stats.designs.orders`."""
        return orders(self.n, count, rng, self.strata)

    @property
    def weights(self) -> sparse.csr_matrix:
        """Return CSR (n, L): the weights of the lines in the mean of each unit."""
        lines = np.flatnonzero(self.known)
        owner = np.arange(len(lines)) if self.owner is None else self.owner[lines]
        weight = 1.0 / np.bincount(owner, minlength=self.n)[owner]
        return sparse.csr_matrix((weight, (owner, lines)), shape=(self.n, len(self.known)))

    def of_units(self, values: np.ndarray) -> np.ndarray:
        """Return the means over the lines of each unit of values (..., L), (..., n)."""
        values = np.asarray(values, dtype=float)
        if self.owner is None:
            return values[..., self.known]
        return np.stack([values[..., self.owner == unit].mean(axis=-1) for unit in range(self.n)], axis=-1)

    def kernel(self, similarity: np.ndarray) -> np.ndarray:
        """Return the similarity (n, n) of units, mean over their lines, of a similarity (L, L) of lines."""
        if self.owner is None:
            return similarity[np.ix_(self.known, self.known)]
        weights = self.weights.toarray()
        return weights @ similarity @ weights.T


def read_phenotype(
    column: pd.Series,
    *,
    min_lines: int = 6,
    blocks: pd.Series | None = None,
    usable: np.ndarray | None = None,
) -> tuple[Phenotype | None, str]:
    """Convert a column of the table of lines to a phenotype.

    Numbers with more than two values are continuous; two values or text define groups: controls (by common
    names) first, then in alphabetical order. The second of two groups counts as high.

    Parameters
    ----------
    column
        One value per line, NaN or empty where missing.
    min_lines
        Minimum number of units with a value: lines, or blocks for a phenotype of the blocks.
    blocks
        Block of every line (e.g. its donor). If all lines of a block have the same value, blocks are the
        units; else only lines of blocks with several values count, and are compared within their block.
        Lines without a block are blocks of their own.
    usable
        (L,) bool: lines that may be used, e.g. those with all covariates.

    Returns
    -------
    The phenotype or None, and the reason why it is not used (empty if it is).
    """
    text = column.astype(object).where(column.notna(), None)
    known = np.array([value is not None and str(value) != "" for value in text])
    if usable is not None:
        known &= usable
    units = _units(column.astype(str).to_numpy(), known, blocks)
    known, first = units.known, units.first
    n, unit = len(first), units.unit
    if n < min_lines:
        return None, f"{n} {unit}s have a value, networks.min_lines is {min_lines}"
    if units.strata is not None and len(np.unique(units.strata)) < 2:
        return None, f"only one {units.block} has several values: it cannot be told from a chance difference"
    given = column.astype(str).iloc[first]
    numbers = pd.to_numeric(given, errors="coerce")
    if numbers.notna().all() and numbers.nunique() > 2:
        if np.isinf(numbers).any():
            return None, f"{int(np.isinf(numbers).sum())} {unit}s have an infinite value"
        return units.phenotype(str(column.name), "continuous", numbers.to_numpy(float)), ""
    labels = sorted(given.unique(), key=_natural)
    reason = _refused(given, labels, units)
    if reason:
        return None, reason
    codes = given.map({label: at for at, label in enumerate(labels)}).to_numpy(float)
    return units.phenotype(str(column.name), "groups", codes, tuple(labels)), ""


@dataclass(frozen=True)
class _Units:
    """Samples of a test: the first line of each, and which lines belong to it."""

    known: np.ndarray
    first: np.ndarray
    unit: str
    block: str
    owner: np.ndarray | None = None
    strata: np.ndarray | None = None

    def phenotype(self, name: str, kind: str, values: np.ndarray, groups: tuple[str, ...] = ()) -> Phenotype:
        """Return the phenotype with these values of the units."""
        return Phenotype(name, kind, self.known, values, groups, self.owner, self.strata, self.block)


def _units(text: np.ndarray, known: np.ndarray, blocks: pd.Series | None) -> _Units:
    lines = np.flatnonzero(known)
    if blocks is None:
        return _Units(known, lines, "line", "")
    name = str(blocks.name)
    missing = blocks.isna() | (blocks.astype(str) == "")
    alone = [f"line {at}" for at in range(len(blocks))]
    codes = pd.factorize(blocks.astype(str).where(~missing, pd.Series(alone, index=blocks.index)))[0]
    table = pd.DataFrame({"block": codes[lines], "value": text[lines], "line": lines})
    several = table.groupby("block")["value"].transform("nunique") > 1
    if several.any():  # compared within blocks; the others say nothing about differences within
        lines = lines[several.to_numpy()]
        inside = np.zeros_like(known)
        inside[lines] = True
        return _Units(inside, lines, "line", name, strata=pd.factorize(codes[lines])[0])
    owner = np.full(len(known), -1)
    owner[lines] = pd.factorize(codes[lines])[0]
    first = lines[np.unique(owner[lines], return_index=True)[1]]
    if len(first) == len(lines):
        return _Units(known, lines, "line", name)
    return _Units(known, first, name, name, owner=owner)


def _refused(given: pd.Series, labels: Sequence[str], units: _Units) -> str:
    """Return why groups cannot be tested; empty if they can."""
    n, unit = len(given), units.unit
    if len(labels) < 2:
        return f"all {n} {unit}s have the value {labels[0]!r}"
    if len(labels) > n // 2:
        return f"{len(labels)} groups of {n} {unit}s: text that tells {unit}s apart, not groups"
    if units.strata is not None:
        carriers = pd.Series(units.strata).groupby(given.to_numpy()).nunique()
        unit = units.block
    else:
        carriers = given.value_counts()
    if carriers.min() < 2:
        return f"a group has one {unit} ({carriers.idxmin()!r}): its effect is that of the {unit}"
    return ""


def _natural(label: str) -> tuple:
    first = label.strip().lower().replace("-", " ").replace("_", " ") not in REFERENCE
    try:
        return (first, 0, float(label), label)
    except ValueError:
        return (first, 1, 0.0, label)
