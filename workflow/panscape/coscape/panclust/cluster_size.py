"""Minimum number of cells of a study's clusters."""

from __future__ import annotations

MIN_CELLS, MAX_CELLS = 50, 500  # bounds of the minimum size
STUDY_CELLS = 40  # cells of the study per cell of the smallest cluster


def smallest_cluster(min_cells: int | str, cells: int) -> int:
    """Return the minimum number of cells of a cluster.

    Parameters
    ----------
    min_cells
        A number, or ``"auto"``: 1/40 of the cells, between 50 and 500, at most the size of the study.
    cells
        Number of cells of the study.

    Examples
    --------
    >>> smallest_cluster("auto", 4000), smallest_cluster(20, 4000)
    (100, 20)
    """
    if min_cells != "auto":
        return int(min_cells)
    return max(min(max(cells // STUDY_CELLS, MIN_CELLS), MAX_CELLS, cells), 1)
