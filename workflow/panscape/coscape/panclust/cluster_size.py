"""How many cells the smallest cluster of a study has."""

from __future__ import annotations

FEWEST, MOST, SHARE = 50, 500, 40  # cells of the smallest cluster, and of the study for each of them


def smallest_cluster(min_cells: int | str, cells: int) -> int:
    """Return the number of cells that a cluster of a study has to have.

    Parameters
    ----------
    min_cells
        A number, or ``"auto"``: a fortieth of the cells, from 50 to 500; all cells of a smaller study.
    cells
        Cells of the study.

    Examples
    --------
    >>> smallest_cluster("auto", 4000), smallest_cluster(20, 4000)
    (100, 20)
    """
    if min_cells != "auto":
        return int(min_cells)
    return max(min(max(cells // SHARE, FEWEST), MOST, cells), 1)
