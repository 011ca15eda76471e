"""Compiled sums over cells that are drawn together.

Cells of a unit have one weight in every draw, so that sums over a unit are made once for all draws; weighting
and adding up the units is then a product of matrices. A unit is split into lanes of at most :data:`DEPTH`
cells, and the values of :data:`LANES` lanes are made dense, lane beside lane, so that the loops take several
lanes at a time.

Imported only where needed: compilation takes about a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

LANES = 32
STEP = 8  # lanes that a processor takes at a time
DEPTH = 16  # a sum of so few products needs no double precision


@compiled(nogil=True)
def spread_cells(indptr, indices, data, factor, cells, bins, layer, lane, depth, tile):
    """Make the values of some cells dense.

    Parameters
    ----------
    indptr, indices, data
        CSR: int64, of any integer type, float32.
    factor
        (n_genes, n_bins) float64 by which a value is multiplied, given the bin of its cell.
    cells
        int64 (n,): the cells.
    bins, layer, lane
        int64 (n,): their bins, and where they belong.
    depth
        Number of layers that have cells; those that :func:`lane_products` reads with them become zero.
    tile
        float32 (n_genes, DEPTH, LANES) to write to.
    """
    tile[:, : 1 if depth == 1 else 8 if depth <= 8 else DEPTH] = 0.0
    for at in range(len(cells)):
        for q in range(indptr[cells[at]], indptr[cells[at] + 1]):
            gene = indices[q]
            tile[gene, layer[at], lane[at]] = data[q] * factor[gene, bins[at]]


@compiled(nogil=True)
def eight_products(one, other, at, lane):
    """Return the sum of a lane's products over eight layers.

    It is written out: of a loop over the layers, the one over the lanes would not take several at a time.
    """
    left = one[at, lane] * other[at, lane] + one[at + 1, lane] * other[at + 1, lane]
    left += one[at + 2, lane] * other[at + 2, lane] + one[at + 3, lane] * other[at + 3, lane]
    right = one[at + 4, lane] * other[at + 4, lane] + one[at + 5, lane] * other[at + 5, lane]
    right += one[at + 6, lane] * other[at + 6, lane] + one[at + 7, lane] * other[at + 7, lane]
    return left + right


@compiled(nogil=True)
def lane_products(tile, depth, width, first, second, sums):
    """Write the sum of products of each pair of genes over every lane to ``sums``, float32 (n_pairs, LANES).

    Parameters
    ----------
    tile
        Of :func:`spread_cells`.
    depth, width
        Number of its layers that have cells, and of lanes; those up to the next multiple of :data:`STEP` are
        written.
    first, second
        int64 (n_pairs,): genes of each pair; fastest if pairs of the same `first` follow each other.
    """
    width = (width + STEP - 1) // STEP * STEP
    for pair in range(len(first)):
        one, other, out = tile[first[pair]], tile[second[pair]], sums[pair]
        if depth == 1:
            for lane in range(width):
                out[lane] = one[0, lane] * other[0, lane]
        elif depth <= 8:
            for lane in range(width):
                out[lane] = eight_products(one, other, 0, lane)
        else:
            for lane in range(width):
                out[lane] = eight_products(one, other, 0, lane) + eight_products(one, other, 8, lane)


@compiled(nogil=True)
def lane_sums(tile, depth, size, bins, sums):
    """Write the single sums of every gene over every lane.

    Parameters
    ----------
    tile, depth
        As of :func:`lane_products`.
    size
        (DEPTH, LANES) float64 factor of the cells in the sums by bin.
    bins
        int64 (DEPTH, LANES) bin of the cells, -1 where there is none.
    sums
        (3 + n_bins, n_genes, LANES) float64 to write to: sums of the values, of their squares, numbers of
        cells with a value, and sums of the values times `size` by bin; there may be no bins.
    """
    sums[:] = 0.0
    by_bin = sums.shape[0] > 3
    for gene in range(sums.shape[1]):
        for layer in range(depth):
            for lane in range(LANES):
                value = np.float64(tile[gene, layer, lane])
                sums[0, gene, lane] += value
                sums[1, gene, lane] += value * value
                sums[2, gene, lane] += value != 0.0
                if by_bin and value != 0.0:
                    sums[3 + bins[layer, lane], gene, lane] += value * size[layer, lane]
