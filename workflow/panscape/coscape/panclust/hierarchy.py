"""Distinct clusters with parents from levels of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse


class Candidates:
    """Collector of the distinct clusters of a study, coarse ones first.

    Parameters
    ----------
    study
        Study id, the prefix of every cluster's name.
    n_cells
        Number of cells of the study, which form the root.
    min_cells
        Minimum number of cells of a cluster.

    Examples
    --------
    >>> candidates = Candidates("lab", n_cells=4, min_cells=2)
    >>> candidates.add(np.array([0, 1]), "r1-l0-c0", parent=0, resolution=1.0, level=0)
    1
    >>> table, members = candidates.result()
    >>> table["cluster"].tolist(), members.toarray()[1].tolist()
    (['lab-all', 'lab-r1-l0-c0'], [1, 1, 0, 0])
    """

    def __init__(self, study: str, n_cells: int, min_cells: int):
        self.study, self.n_cells, self.min_cells = study, n_cells, min_cells
        self._rows: list[dict] = []
        self._cells: list[np.ndarray] = []
        self._row_of: dict[bytes, int] = {}
        self.add(np.arange(n_cells), "all", -1)

    def add(
        self, cells: np.ndarray, name: str, parent: int, resolution: float = np.nan, level: int | None = None
    ) -> int:
        """Add a cluster, or increase its multiplicity if a cluster has the same cells.

        Parameters
        ----------
        cells
            Ascending cell indices.
        name
            Name without the study.
        parent
            Row of the smallest existing cluster that contains it, -1 for none.
        resolution, level
            Resolution and level of the clustering; missing for nodes of a tree.

        Returns
        -------
        The cluster's row.
        """
        cells = np.ascontiguousarray(cells, dtype=np.int32)
        digest = hashlib.blake2b(cells.tobytes(), digest_size=20).digest()
        if digest in self._row_of:
            row = self._row_of[digest]
            self._rows[row]["multiplicity"] += 1
            self._rows[row]["duplicates"].append(name)
            return row
        row = self._row_of[digest] = len(self._rows)
        self._cells.append(cells)
        self._rows.append(
            {
                "cluster": f"{self.study}-{name}",
                "study": self.study,
                "resolution": resolution,
                "level": level,
                "parent": self._rows[parent]["cluster"] if parent >= 0 else "",
                "n_cells": len(cells),
                "multiplicity": 1,
                "duplicates": [],
            }
        )
        return row

    def add_levels(
        self, levels: Sequence[np.ndarray], resolution: float, *, repeat_last: bool = False
    ) -> None:
        """Add the communities of all levels of one resolution.

        Parameters
        ----------
        levels
            Labels of all cells per level, finest first, nested.
        repeat_last
            Count the coarsest level's clusters twice.
        resolution
            Resolution of the clustering.
        """
        row_of: dict[int, int] = {}
        above: np.ndarray | None = None
        for level in range(len(levels) - 1, -1, -1):
            labels, here = levels[level], {}
            for place, (label, cells) in enumerate(_communities(labels, self.min_cells)):
                parent = 0 if above is None else row_of[int(above[cells[0]])]
                name = f"r{resolution:g}-l{level}-c{place}"
                here[label] = self.add(cells, name, parent, resolution, level)
                if repeat_last and above is None:
                    self.add(cells, f"r{resolution:g}-l{level + 1}-c{place}", parent, resolution, level + 1)
            row_of, above = here, labels

    def result(self) -> tuple[pd.DataFrame, sparse.csr_matrix]:
        """Return the table, parents before children, and the members (clusters x cells, int8 ones)."""
        table = pd.DataFrame(self._rows)
        table["level"] = table["level"].astype("Int64")
        table["duplicates"] = table["duplicates"].map(";".join)
        lengths = [len(cells) for cells in self._cells]
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        index = np.int32 if indptr[-1] < 2**31 else np.int64
        indices = np.concatenate(self._cells).astype(index, copy=False)
        members = sparse.csr_matrix(
            (np.ones(len(indices), dtype=np.int8), indices, indptr.astype(index)),
            shape=(len(table), self.n_cells),
        )
        return table, members


def _communities(labels: np.ndarray, min_cells: int) -> list[tuple[int, np.ndarray]]:
    """Return (label, ascending cells) of sufficiently large communities, largest first."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    kept = [label for label in np.flatnonzero(sizes >= min_cells) if sizes[label]]
    kept.sort(key=lambda label: (-sizes[label], order[starts[label]]))
    return [(int(label), order[starts[label] : starts[label] + sizes[label]]) for label in kept]
