"""Exchange metacells: split one that mixes distinct cells, and merge two that are alike in its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.coem.metacells.enforce_sizes import centres, renumber
from panscape.stats.singular import singular

AXES = 2  # leading axes along which a metacell may be split
BLOCK = 1024  # metacells compared at once
OWN = 0.9  # of the cells of a split's smaller part that are nearer to each other than to the rest


@dataclass(frozen=True)
class Cut:
    """The best split of a metacell: fall of the sum of squares, and which cells go to the second part."""

    gain: float
    second: np.ndarray


def exchange(
    label: np.ndarray,
    z: np.ndarray,
    part: np.ndarray,
    *,
    factor: float,
    min_size: int,
    max_size: int | None = None,
) -> tuple[np.ndarray, int]:
    """Split and merge metacells in equal number, as long as it makes them clearly more alike inside.

    The graph is cut into metacells of similar size, so that a small group of distinct cells shares one with
    others, while a large uniform group is divided in more than it needs. The metacell whose split lowers the
    sum of squared distances to the centres the most is split, and the two whose merging raises it the least
    are merged, if the former is more than `factor` times the latter. Where cells vary continuously, any two
    halves differ by as much as neighbouring metacells do, and nothing changes; nor do cells that are far from
    all others, each in a direction of its own, become metacells (:func:`alike`).

    Parameters
    ----------
    label
        Metacell of each cell, 0...
    z
        Embedding, cells x dimensions.
    part
        Part of each cell (connected component of the graph); metacells of different parts are not merged.
    factor
        Smallest ratio of what a split gains to what merging costs, 1 or more.
    min_size, max_size
        Smallest number of cells of a metacell that a split leaves, and largest that merging makes (None:
        no limit).

    Returns
    -------
    (labels 0..., numbered by first cell; number of exchanges).

    Examples
    --------
    >>> z = np.concatenate([np.linspace(0, 1, 20), [9.0, 9.1, 9.2]])[:, None]
    >>> label = np.repeat([0, 1, 2], [7, 7, 9])  # the last mixes two groups
    >>> exchange(label, z, np.zeros(23, int), factor=2.0, min_size=2)[0][-4:].tolist()
    [1, 2, 2, 2]
    """
    z = np.asarray(z, dtype=float)
    state = _State(renumber(np.asarray(label)), z, part, min_size, max_size)
    done = 0
    # the sum of squares falls at every exchange; the limit only bounds the time
    while done < len(state.rows) and state.step(factor):
        done += 1
    return renumber(state.labels()), done


class _State:
    """Metacells with their best splits and cheapest mergers."""

    def __init__(self, label, z, part, min_size, max_size):
        self.z, self.min_size, self.max_size = z, max(min_size, 1), max_size
        self.mean, self.size = centres(label, z)
        order = np.argsort(label, kind="stable")
        self.rows = np.split(order, np.cumsum(self.size)[:-1])
        self.part = np.array([part[rows[0]] for rows in self.rows])
        self.cuts = [self._cut(rows) for rows in self.rows]
        self.gain = np.array([cut.gain for cut in self.cuts])
        self.cost, self.partner = np.full(len(self.rows), np.inf), np.full(len(self.rows), -1)
        self._compare(np.arange(len(self.rows)))

    def step(self, factor: float) -> bool:
        """Make the best exchange; return False if it is not worth it."""
        one = int(self.gain.argmax())
        left, right, cost = self._cheapest(one)
        if not self.gain[one] > factor * cost:
            return False
        rows, second = self.rows[one], self.cuts[one].second
        joined = np.concatenate([self.rows[left], self.rows[right]])
        # the merged metacell takes the place of one of the two, the second half that of the other
        self.part[right] = self.part[one]
        for place, members in ((left, joined), (right, rows[second]), (one, rows[~second])):
            self.rows[place], self.size[place] = members, len(members)
            self.mean[place] = self.z[members].mean(axis=0)
            self.cuts[place] = self._cut(members)
            self.gain[place] = self.cuts[place].gain
        changed = np.array([left, right, one])
        stale = np.flatnonzero(np.isin(self.partner, changed))
        self._compare(np.union1d(stale, changed))
        self._offer(changed)
        return True

    def _cut(self, rows: np.ndarray) -> Cut:
        """Return the best split of a metacell, without gain if its smaller part is not a group."""
        points = self.z[rows]
        cut = split(points, self.min_size)
        return cut if alike(points, cut.second) else Cut(0.0, cut.second)

    def _cheapest(self, one: int) -> tuple[int, int, float]:
        """Return the cheapest merger of two metacells other than `one`, and its cost."""
        cost, partner = self.cost.copy(), self.partner.copy()
        others = np.flatnonzero(partner == one)
        if len(others):
            again = self._costs(others)
            again[:, one] = np.inf
            partner[others] = again.argmin(axis=1)
            cost[others] = again.min(axis=1)
        cost[one] = np.inf
        left = int(cost.argmin())
        return left, int(partner[left]), float(cost[left])

    def labels(self) -> np.ndarray:
        """Return the metacell of each cell."""
        label = np.empty(len(self.z), dtype=np.int64)
        for place, rows in enumerate(self.rows):
            label[rows] = place
        return label

    def _costs(self, ones: np.ndarray) -> np.ndarray:
        """Return the cost of merging some metacells with each of all, infinite where it is not allowed."""
        gap = (self.mean[ones] ** 2).sum(axis=1)[:, None] + (self.mean**2).sum(axis=1)
        gap = np.maximum(gap - 2 * self.mean[ones] @ self.mean.T, 0)
        size, mine = self.size, self.size[ones][:, None]
        cost = gap * (mine * size / (mine + size))
        barred = self.part[ones][:, None] != self.part
        if self.max_size is not None:
            barred |= mine + size > self.max_size
        cost[barred] = np.inf
        cost[np.arange(len(ones)), ones] = np.inf
        return cost

    def _compare(self, ones: np.ndarray) -> None:
        """Find the cheapest merger of some metacells."""
        for low in range(0, len(ones), BLOCK):
            some = ones[low : low + BLOCK]
            cost = self._costs(some)
            best = cost.argmin(axis=1)
            self.cost[some], self.partner[some] = cost[np.arange(len(some)), best], best

    def _offer(self, changed: np.ndarray) -> None:
        """Let all metacells prefer a changed one where it is cheaper."""
        cost = self._costs(changed)
        best = cost.argmin(axis=0)
        value = cost[best, np.arange(cost.shape[1])]
        better = value < self.cost
        self.cost[better], self.partner[better] = value[better], changed[best[better]]


def split(points: np.ndarray, min_size: int) -> Cut:
    """Return the best split of points at a place along one of their leading axes.

    Parameters
    ----------
    points
        Cells x dimensions.
    min_size
        Smallest number of points of a part.

    Examples
    --------
    >>> cut = split(np.array([[0.0], [0.1], [5.0], [5.2]]), 1)
    >>> np.unique(cut.second[:2]).size == np.unique(cut.second[2:]).size == 1, round(cut.gain, 2)
    (True, 25.5)
    """
    n = len(points)
    best = Cut(0.0, np.zeros(n, dtype=bool))
    if n < 2 * min_size or n < 2:
        return best
    centred = points - points.mean(axis=0)
    first = np.arange(min_size, n - min_size + 1)
    first = first[(first > 0) & (first < n)]
    for axis in singular(centred)[2][:AXES]:
        order = np.argsort(centred @ axis, kind="stable")
        total = (np.cumsum(centred[order], axis=0)[first - 1] ** 2).sum(axis=1)
        gain = total * (1 / first + 1 / (n - first))
        at = int(gain.argmax())
        if gain[at] > best.gain:
            second = np.zeros(n, dtype=bool)
            second[order[first[at] :]] = True
            best = Cut(float(gain[at]), second)
    return best


def alike(points: np.ndarray, second: np.ndarray) -> bool:
    """Return whether the smaller part of a split is a group, rather than points far from all others.

    Nine tenths of its points have to be nearer to the mean of its other points than to that of the rest.

    Parameters
    ----------
    points
        Cells x dimensions.
    second
        bool: the second part.

    Examples
    --------
    >>> points = np.concatenate([np.zeros((9, 3)), 5 * np.eye(3)])  # three apart in three directions
    >>> alike(points, np.arange(12) >= 9)
    False
    >>> alike(np.concatenate([np.zeros((9, 3)), [[5, 0, 0], [6, 0, 0], [5, 1, 0]]]), np.arange(12) >= 9)
    True
    """
    small = second if 2 * second.sum() <= len(second) else ~second
    part, rest = points[small], points[~small]
    n = len(part)
    if n < 2:
        return False
    # a point is (n / (n - 1)) times as far from the mean of the other points as from the mean of all
    own = ((part - part.mean(axis=0)) ** 2).sum(axis=1) * (n / (n - 1)) ** 2
    return bool((own < ((part - rest.mean(axis=0)) ** 2).sum(axis=1)).mean() >= OWN)
