"""Sums over sets of cells by dense tiles of a few lanes of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

PAIRS = 1024  # at a time, whose sums over the lanes of a tile stay in the cache


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
        >>> lanes = Lanes.of(np.array([1, 17, 2]), np.array([0, 0, 4]))
        >>> lanes.unit.tolist(), lanes.tiles.tolist(), lanes.atom.tolist()
        ([0, 1, 1, 2], [0, 3, 4], [0, 4])
        >>> lanes.layer.tolist()
        [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
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
        float32 (n_genes, DEPTH, LANES), 0 in layers below `depth` where there is no cell; the next tile is
        written over it.
    depth
        Number of layers with cells.
    units
        int64 (n_lanes,) unit of each lane.
    place
        Layer and lane of each cell, int64 (n_cells,) each.
    cells
        The cells, among those of all tiles.
    """

    atom: int
    values: np.ndarray
    depth: int
    units: np.ndarray
    place: tuple[np.ndarray, np.ndarray]
    cells: slice


@dataclass(frozen=True)
class Tiles:
    """Cells whose sums over sets of cells are made tile by tile.

    Parameters
    ----------
    counts
        CSR pointers, genes and float32 values of all cells.
    factor
        (n_genes, n_bins) float64 by which a value is multiplied, given the bin of its cell.
    inside
        int64 (n_inside,): the cells that are summed, in the order of their units.
    group
        int64 (n_inside,): their bins.
    lanes
        Their places.
    """

    counts: tuple[np.ndarray, np.ndarray, np.ndarray]
    factor: np.ndarray
    inside: np.ndarray
    group: np.ndarray
    lanes: Lanes

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles."""
        from panscape.stats.drawn_sums import DEPTH, LANES, spread_cells

        lanes, values = self.lanes, np.empty((len(self.factor), DEPTH, LANES), dtype=np.float32)
        for at, atom in enumerate(lanes.atom.tolist()):
            inside, cells = (slice(edges[at], edges[at + 1]) for edges in (lanes.tiles, lanes.cells))
            place = lanes.layer[cells], lanes.lane[cells] - inside.start
            depth = int(place[0].max()) + 1
            here = self.inside[cells], self.group[cells], *place
            spread_cells(*self.counts, self.factor, *here, depth, values)
            yield Tile(atom, values, depth, lanes.unit[inside], place, cells)

    def sums(
        self, times: np.ndarray, shape: tuple[int, ...], add: Callable[[Tile, np.ndarray, np.ndarray], None]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (set, its sums), sets ascending; the sums are overwritten.

        Parameters
        ----------
        times
            (n_units, n_draws) float64 how often each unit counts in each draw.
        shape
            Of the sums.
        add
            Adds those of a tile, given the (n_lanes, n_draws) weights of its lanes, to an array.
        """
        part, atom = np.zeros(shape), -1
        for tile in self:
            if tile.atom != atom:
                if atom >= 0:
                    yield atom, part
                atom = tile.atom
                part[:] = 0.0
            add(tile, times[tile.units], part)
        if atom >= 0:
            yield atom, part

    def products(
        self, times: np.ndarray, first: np.ndarray, second: np.ndarray, threads: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (set, sums of products of pairs of genes), see :meth:`sums`.

        Parameters
        ----------
        times
            (n_units, n_draws) float64 how often each unit counts in each draw.
        first, second
            int64 (n_pairs,): genes of each pair; fastest if pairs of the same `first` follow each other.
        threads
            Number of threads; the sums do not depend on it.

        Yields
        ------
        The sums are (n_parts, n_draws, PAIRS): those of :data:`PAIRS` pairs after those of the pairs before.
        """
        from scipy.linalg.blas import dgemm

        from panscape.stats.drawn_sums import LANES, lane_products

        n_parts = -(-len(first) // PAIRS)
        # memory of each thread, taken once: fresh pages for every tile would take as long as the sums
        alone = np.zeros((threads, PAIRS, LANES), dtype=np.float32)
        wide = np.zeros((threads, PAIRS * LANES))

        with ThreadPoolExecutor(threads) as pool:

            def add(tile: Tile, weight: np.ndarray, part: np.ndarray) -> None:
                width = len(weight)

                def some(thread: int) -> None:
                    sums, double = alone[thread], wide[thread, : PAIRS * width].reshape(PAIRS, width)
                    for at in range(thread, n_parts, threads):
                        pairs = slice(at * PAIRS, (at + 1) * PAIRS)
                        lane_products(tile.values, tile.depth, width, first[pairs], second[pairs], sums)
                        double[:] = sums[:, :width]
                        # the transposes are views in Fortran order, so that the sums are added in place
                        given = double.T, weight.T, 1.0, part[at].T
                        dgemm(1.0, *given, trans_a=1, trans_b=1, overwrite_c=1)

                list((map if threads == 1 else pool.map)(some, range(threads)))

            yield from self.sums(times, (n_parts, times.shape[1], PAIRS), add)
