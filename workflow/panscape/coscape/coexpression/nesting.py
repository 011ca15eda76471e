"""Reuse of the sums of nested clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from scipy import sparse

from panscape.coscape.coexpression.atoms import atoms_of

SMALLEST_PART = 256  # with fewer cells, summing them is faster than adding two matrices


@dataclass(frozen=True)
class Step:
    """One cluster of the traversal.

    Attributes
    ----------
    cluster
        Row of the cluster.
    rest
        Cells (indices) of the cluster that are in none of the parts already added.
    into
        Row of the cluster to which the sums are added, -1 for none.
    """

    cluster: int
    rest: np.ndarray
    into: int


def smallest_supersets(members: sparse.csr_matrix) -> np.ndarray:
    """Return the row of the smallest other cluster with all cells of each, int64 (n_clusters,), -1 for none.

    Clusters of several resolutions contain each other across resolutions too, so that more sums are shared
    than along the branches of each.

    Parameters
    ----------
    members
        CSR, clusters x cells. Of several clusters with the same cells, each is contained by those before it.

    Examples
    --------
    >>> smallest_supersets(sparse.csr_matrix([[1, 1, 1], [1, 0, 0], [1, 1, 0]])).tolist()
    [-1, 2, 0]
    """
    _, contains = atoms_of(members)
    shared = (contains @ contains.T).toarray()
    sizes, rows = np.diff(members.indptr), np.arange(members.shape[0])
    parents = np.full(len(rows), -1, dtype=np.int64)
    for row in rows:
        larger = (sizes > sizes[row]) | ((sizes == sizes[row]) & (rows < row))
        above = np.flatnonzero(larger & (shared[row] == shared[row, row]))
        if len(above):
            parents[row] = above[np.lexsort((-above, sizes[above]))[0]]
    return parents


def nested_steps(members: sparse.csr_matrix, parents: np.ndarray) -> Iterator[Step]:
    """Yield every cluster once, depth first, children before their parents.

    Only sums on the path from a cluster to its root are in memory. The child that needs most of them comes
    first, before its parent has any, so that memory grows with the logarithm of the number of clusters.

    Parameters
    ----------
    members
        CSR, clusters x cells.
    parents
        (n_clusters,) row of each cluster's parent, -1 for none. Children of one parent may overlap, as with
        several resolutions; only a disjoint subset inside the parent (largest first) is reused.

    Raises
    ------
    ValueError
        If the parents form a cycle.
    """
    n_clusters = members.shape[0]
    children: list[list[int]] = [[] for _ in range(n_clusters)]
    for row, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(row)
    needs = _needs(parents, children)
    into = np.full(n_clusters, -1)
    rest: dict[int, np.ndarray] = {}
    taken, inside = (np.zeros(members.shape[1], dtype=bool) for _ in range(2))
    seen = 0
    stack = [int(row) for row in np.flatnonzero(np.asarray(parents) < 0)[::-1]]
    while stack:
        row = stack.pop()
        if row in rest:
            seen += 1
            yield Step(row, rest.pop(row), int(into[row]))
            continue
        parts = _disjoint(members, row, children[row], taken, inside)
        into[parts] = row
        cells = _cells(members, row)
        rest[row] = cells[~taken[cells]]
        taken[cells] = inside[cells] = False
        stack.append(row)
        stack.extend(sorted(children[row], key=lambda child: (needs[child], -child)))
    if seen != n_clusters:
        raise ValueError(f"{n_clusters - seen} clusters are ancestors of themselves")


class Additive(Protocol):
    """Sums over a set of cells, to which those over a disjoint set can be added in place."""

    def add(self, other) -> None:
        """Add the sums over a disjoint set of cells."""


Sums = TypeVar("Sums", bound=Additive)


def nested_sums(
    members: sparse.csr_matrix,
    sums_of: Callable[[np.ndarray, Sums | None], Sums],
) -> Iterator[tuple[int, Sums]]:
    """Yield (row, sums) of every cluster, children before their parents; sums of disjoint parts are reused.

    Parameters
    ----------
    members
        CSR, clusters x cells.
    sums_of
        Function of cells and of sums to which theirs are added (None: new ones); returns the sums.
    """
    begun: dict[int, Sums] = {}
    for step in nested_steps(members, smallest_supersets(members)):
        sums = sums_of(step.rest, begun.pop(step.cluster, None))
        yield step.cluster, sums
        if step.into in begun:
            begun[step.into].add(sums)
        elif step.into >= 0:
            begun[step.into] = sums


def finest_clusters(members: sparse.csr_matrix) -> np.ndarray:
    """Return the smallest cluster that contains each cell, int (n_cells,); -1 for none.

    Parameters
    ----------
    members
        CSR, clusters x cells.
    """
    sizes = np.diff(members.indptr)
    label = np.full(members.shape[1], -1)
    for row in np.argsort(-sizes, kind="stable"):
        label[_cells(members, row)] = row
    return label


def _needs(parents: np.ndarray, children: list[list[int]]) -> list[int]:
    """Return how many sums are in memory at a time until those of each cluster are known."""
    needs, waiting = [1] * len(children), [len(some) for some in children]
    ready = [row for row, number in enumerate(waiting) if not number]
    while ready:
        row = ready.pop()
        some = sorted((needs[child] for child in children[row]), reverse=True)
        needs[row] = max([1, *some[:1], *(need + 1 for need in some[1:])])
        above = int(parents[row])
        if above >= 0:
            waiting[above] -= 1
            if not waiting[above]:
                ready.append(above)
    return needs


def _disjoint(
    members: sparse.csr_matrix, row: int, children: list[int], taken: np.ndarray, inside: np.ndarray
) -> list[int]:
    """Choose disjoint children of a cluster; updates the masks `inside` and `taken`."""
    sizes = np.diff(members.indptr)
    inside[_cells(members, row)] = True
    parts = []
    for child in sorted(children, key=lambda child: (-sizes[child], child)):
        cells = _cells(members, child)
        if sizes[child] >= SMALLEST_PART and inside[cells].all() and not taken[cells].any():
            taken[cells] = True
            parts.append(child)
    return parts


def _cells(members: sparse.csr_matrix, row: int) -> np.ndarray:
    return members.indices[members.indptr[row] : members.indptr[row + 1]]
