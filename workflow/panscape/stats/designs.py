"""Permutation designs: other labellings of samples, free or within strata, all of them where they are few."""

from __future__ import annotations

from itertools import permutations
from math import factorial, prod

import numpy as np


def n_arrangements(values: np.ndarray, strata: np.ndarray | None = None) -> int:
    """Return the number of distinct orders of values, equal ones exchangeable, within strata if given.

    Parameters
    ----------
    values
        (n,).
    strata
        (n,) codes; values move only among samples with the same code.

    Examples
    --------
    >>> n_arrangements(np.array([0, 0, 1, 1])), n_arrangements(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    (6, 4)
    """
    return prod(_multinomial(values[at]) for at in _members(len(values), strata))


def labellings(
    values: np.ndarray, count: int, rng: np.random.Generator, strata: np.ndarray | None = None
) -> np.ndarray:
    """Return other labellings for a permutation test, (at most `count`, n).

    Every distinct labelling other than the observed one if there are at most `count` (an exact test), else
    `count` random permutations. In both cases p = (1 + number at least as extreme) / (1 + rows).

    Parameters
    ----------
    values
        (n,) observed labels.
    count
        Maximum number of labellings.
    rng
        Random number generator of the permutations.
    strata
        See :func:`n_arrangements`.
    """
    parts = _members(len(values), strata)
    if n_arrangements(values, strata) - 1 <= count:
        result = values[None].copy()
        for at in parts:
            orders = _arrangements(values[at])
            result = np.repeat(result, len(orders), axis=0)
            result[:, at] = np.tile(orders, (len(result) // len(orders), 1))
        return result[(result != values).any(axis=1)]
    result = np.tile(values, (count, 1))
    for at in parts:
        result[:, at] = rng.permuted(np.broadcast_to(values[at], (count, len(at))), axis=1)
    return result


def orders(n: int, count: int, rng: np.random.Generator, strata: np.ndarray | None = None) -> np.ndarray:
    """Return other orders of n distinct samples, int (at most `count`, n), for permutations of residuals.

    Parameters
    ----------
    n
        Number of samples.
    count
        Maximum number of orders; all but the observed one if these are no more, else random ones.
    rng
        Random number generator.
    strata
        See :func:`n_arrangements`.

    Examples
    --------
    >>> orders(4, 10, np.random.default_rng(0), strata=np.array([0, 0, 1, 1])).tolist()
    [[0, 1, 3, 2], [1, 0, 2, 3], [1, 0, 3, 2]]
    """
    return labellings(np.arange(n), count, rng, strata)


def smallest_pvalue(values: np.ndarray, strata: np.ndarray | None = None, *, groups: bool = False) -> float:
    """Return the smallest p that a two-sided permutation test can attain.

    An order of numbers and its reverse are equally extreme, and so are a labelling by groups and all that
    exchange groups of the same size.

    Parameters
    ----------
    values
        (n,).
    strata
        See :func:`n_arrangements`.
    groups
        Whether values are codes of more than two groups.
    """
    alike = 2
    if groups:
        sizes = np.unique(np.unique(values, return_counts=True)[1], return_counts=True)[1]
        alike = prod(factorial(int(size)) for size in sizes)
    return min(alike / n_arrangements(values, strata), 1.0)


def _members(n: int, strata: np.ndarray | None) -> list[np.ndarray]:
    """Return the positions of the samples of each stratum."""
    if strata is None:
        return [np.arange(n)]
    return [np.flatnonzero(strata == code) for code in np.unique(strata)]


def _multinomial(values: np.ndarray) -> int:
    counts = np.unique(values, return_counts=True)[1]
    return factorial(len(values)) // prod(factorial(int(count)) for count in counts)


def _arrangements(values: np.ndarray) -> np.ndarray:
    """Return all distinct orders of the values, in lexical order."""
    if len(np.unique(values)) == len(values):
        return np.sort(values)[np.array(list(permutations(range(len(values)))))]
    levels, counts = np.unique(values, return_counts=True)
    arrangements = np.zeros((1, 0), dtype=np.int64)
    left = counts[None, :]
    for _ in range(len(values)):
        row, code = np.nonzero(left)  # extend each prefix by each remaining level
        arrangements = np.column_stack([arrangements[row], code])
        left = left[row]
        left[np.arange(len(row)), code] -= 1
    return levels[arrangements]
