"""Reuse of the sums of nested clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd
from scipy import sparse

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


def parent_rows(clusters: pd.DataFrame) -> np.ndarray:
    """Return the row of each cluster's parent, int64 (n_clusters,), -1 for none.

    Parameters
    ----------
    clusters
        Columns `cluster` and `parent`, the parent's name or nothing.
    """
    place = {name: row for row, name in enumerate(clusters["cluster"])}
    return np.array([place.get(name, -1) for name in clusters["parent"].fillna("")], dtype=np.int64)


def nested_steps(members: sparse.csr_matrix, parents: np.ndarray) -> Iterator[Step]:
    """Yield every cluster once, depth first, children before their parents.

    Only sums on the path from a cluster to its root are in memory, so memory grows with the tree's depth.

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
        stack.extend(reversed(children[row]))
    if seen != n_clusters:
        raise ValueError(f"{n_clusters - seen} clusters are ancestors of themselves")


class Additive(Protocol):
    """Sums over a set of cells, to which those over a disjoint set can be added in place."""

    def add(self, other) -> None:
        """Add the sums over a disjoint set of cells."""


Sums = TypeVar("Sums", bound=Additive)


def nested_sums(
    members: sparse.csr_matrix,
    clusters: pd.DataFrame,
    sums_of: Callable[[np.ndarray, Sums | None], Sums],
) -> Iterator[tuple[int, Sums]]:
    """Yield (row, sums) of every cluster, children before their parents; sums of disjoint parts are reused.

    Parameters
    ----------
    members
        CSR, clusters x cells.
    clusters
        Columns `cluster` and `parent`.
    sums_of
        Function of cells and of sums to which theirs are added (None: new ones); returns the sums.
    """
    begun: dict[int, Sums] = {}
    for step in nested_steps(members, parent_rows(clusters)):
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
