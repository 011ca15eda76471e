"""Ward's tree for small studies."""

from __future__ import annotations

import numpy as np

from panscape.coscape.panclust.hierarchy import Candidates
from panscape.errors import fail

MAX_CELLS = 20_000  # all pairwise distances are in memory (1.6 GB at this size)


def ward_levels(scores: np.ndarray, candidates: Candidates, place: np.ndarray | None = None) -> None:
    """Add every sufficiently large node of Ward's tree as a cluster.

    Parameters
    ----------
    scores
        Points x components: the cells, or those of a sketch.
    candidates
        Collector of the clusters, named ``ward-l{level}-c{number}``: level 0 has no cluster below it, and a
        parent is one level above its highest child.
    place
        (n_cells,) point of each cell; None if the points are the cells.

    Raises
    ------
    UserError
        Above 20 000 points.
    """
    from scipy.cluster.hierarchy import ward

    n = len(scores)
    if n > MAX_CELLS:
        raise fail(
            "panclust.algorithm",
            f"ward with {n} cells, but it needs the distances of all pairs",
            f"write louvain, or sketch_above and sketch_cells of at most {MAX_CELLS}",
        )
    place = np.arange(n) if place is None else place
    children = ward(np.asarray(scores, dtype=np.float64))[:, :2].astype(np.int64)
    size, start = _spans(children, np.bincount(place, minlength=n))
    cells = np.argsort(start[place], kind="stable")
    level = np.full(2 * n - 1, -1)
    for node, pair in enumerate(children, start=n):
        if size[node] >= candidates.min_cells:
            level[node] = level[pair].max() + 1
    number: dict[int, int] = {}
    stack = [(2 * n - 2, 0)]
    while stack:
        node, parent = stack.pop()
        if level[node] < 0:
            continue
        at = int(level[node])
        name = f"ward-l{at}-c{number.setdefault(at, 0)}"
        number[at] += 1
        row = candidates.add(np.sort(cells[start[node] : start[node] + size[node]]), name, parent, level=at)
        stack.extend((int(child), row) for child in children[node - n][::-1] if child >= n)


def _spans(children: np.ndarray, leaf_sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of cells below each node, and their start in the order of the tree's leaves."""
    n = len(leaf_sizes)
    size = np.concatenate([leaf_sizes, np.zeros(n - 1, dtype=np.int64)])
    for node, pair in enumerate(children, start=n):
        size[node] = size[pair].sum()
    start = np.zeros(2 * n - 1, dtype=np.int64)
    for node in range(2 * n - 2, n - 1, -1):
        left, right = children[node - n]
        start[left], start[right] = start[node], start[node] + size[left]
    return size, start
