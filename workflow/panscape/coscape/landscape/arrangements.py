"""All distinct orders of ages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import exp

import numpy as np
from scipy.special import gammaln


def arrangements(ages: np.ndarray) -> float:
    """Return the number of distinct orders of ages, n! / (product of the factorials of their numbers)."""
    counts = np.unique(ages, return_counts=True)[1]
    logarithm = float(gammaln(len(ages) + 1) - gammaln(counts + 1).sum())
    if logarithm > 600:
        return float("inf")
    return float(round(exp(logarithm))) if logarithm < 30 else exp(logarithm)


def every_order(ages: np.ndarray, groups: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield every distinct assignment of the ages of each group to its positions."""
    for parts in product(*(list(_orders(sorted(ages[group].tolist()))) for group in groups)):
        drawn = np.array(ages, dtype=np.float64)
        for group, part in zip(groups, parts, strict=True):
            drawn[group] = part
        yield drawn


def _orders(values: list[float]) -> Iterator[list[float]]:
    """Yield the distinct orders of sorted values."""
    if not values:
        yield []
        return
    for place, value in enumerate(values):
        if place == 0 or value != values[place - 1]:
            for rest in _orders(values[:place] + values[place + 1 :]):
                yield [value, *rest]


def stacked(draws: Iterator[np.ndarray], size: int = 1000) -> Iterator[np.ndarray]:
    """Yield arrays of the draws, `size` at a time."""
    block: list[np.ndarray] = []
    for draw in draws:
        block.append(draw)
        if len(block) == size:
            yield np.stack(block)
            block = []
    if block:
        yield np.stack(block)
