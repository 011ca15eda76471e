"""Cells that are drawn together, as dense tiles of a few lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lanes:
    """Places of cells in tiles, see :mod:`panscape.stats.drawn_sums`.

    Attributes
    ----------
    unit
        int64 (n_lanes,) unit of each lane.
    lane, layer
        int64 (n_cells,) lane and layer of each cell, lanes ascending.
    tiles
        int64 (n_tiles + 1,): first lane of each tile, and the number of lanes.
    cells
        int64 (n_tiles + 1,): first cell of each tile, and the number of cells.
    atom
        int64 (n_tiles,): set of cells that each tile is part of, ascending.
    """

    unit: np.ndarray
    lane: np.ndarray
    layer: np.ndarray
    tiles: np.ndarray
    cells: np.ndarray
    atom: np.ndarray

    @classmethod
    def of(cls, cells: np.ndarray, atom: np.ndarray) -> Lanes:
        """Divide units into lanes, and the lanes of each set of cells into tiles.

        Parameters
        ----------
        cells
            int64 (n_units,) number of cells of each unit, >= 1; the cells are in the order of the units.
        atom
            int64 (n_units,) set of each unit, ascending.

        Examples
        --------
        >>> lanes = Lanes.of(np.array([1, 9, 2]), np.array([0, 0, 4]))
        >>> lanes.unit.tolist(), lanes.tiles.tolist(), lanes.atom.tolist()
        ([0, 1, 1, 2], [0, 3, 4], [0, 4])
        >>> lanes.layer.tolist()
        [0, 0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1]
        """
        from panscape.stats.drawn_sums import DEPTH, LANES

        number = -(-cells // DEPTH)
        unit = np.repeat(np.arange(len(cells)), cells)
        depth = -(-cells // number)[unit]  # so that the lanes of a unit are about as deep
        place = np.arange(len(unit)) - (np.cumsum(cells) - cells)[unit]
        lane = (np.cumsum(number) - number)[unit] + place // depth
        of_lane = np.repeat(np.arange(len(cells)), number)
        begins = np.flatnonzero(np.diff(atom[of_lane], prepend=-1))
        ends = np.append(begins[1:], len(of_lane))
        starts = [np.arange(begin, end, LANES) for begin, end in zip(begins, ends, strict=True)]
        tiles = np.concatenate([*starts, [len(of_lane)]]).astype(np.int64)
        edges = np.searchsorted(lane, tiles)
        return cls(of_lane, lane, place % depth, tiles, edges, atom[of_lane[tiles[:-1]]])


@dataclass(frozen=True)
class Tile:
    """Values of the cells of some lanes.

    Attributes
    ----------
    atom
        Set of cells that they are part of.
    values
        float32 (n_genes, DEPTH, LANES), 0 where there is no cell; overwritten by the next tile.
    depth
        Number of layers with cells.
    units
        int64 (n_lanes,) unit of each lane.
    place
        Layer and lane of each cell, int64 (n_cells,) each.
    cells
        The cells, of those that are drawn.
    """

    atom: int
    values: np.ndarray
    depth: int
    units: np.ndarray
    place: tuple[np.ndarray, np.ndarray]
    cells: slice
