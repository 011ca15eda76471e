"""Baselines without panclustering: single resolutions, and correlation over all cells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse


def clusters_at_resolution(clusters: pd.DataFrame, resolution: float) -> np.ndarray:
    """Return (N,) bool: panclusters of a resolution, duplicates of others included.

    Parameters
    ----------
    clusters
        `resolution` (missing for roots) and, if present, `duplicates` such as ``r1-l2;r10-l3``.
    resolution
        E.g. 10.
    """
    same = np.isclose(clusters["resolution"].to_numpy(dtype=float), resolution)
    if "duplicates" not in clusters:
        return same
    text = clusters["duplicates"].fillna("").astype(str)
    again = [any(_same(part, resolution) for part in value.split(";")) for value in text]
    return same | np.array(again, dtype=bool)


def _same(part: str, resolution: float) -> bool:
    """Return whether a name such as ``r0.1-l2`` belongs to the resolution."""
    number = part.strip().removeprefix("r").split("-", 1)[0]
    try:
        return bool(np.isclose(float(number), resolution))
    except ValueError:
        return False


def pooled_correlation(blocks: Iterable[sparse.csr_matrix], n_genes: int) -> np.ndarray:
    """Return Pearson's correlation of all genes over all cells of all blocks.

    Parameters
    ----------
    blocks
        CSR (cells, genes) of normalised values; sums are centred at the means of the first block.
    n_genes
        Number of genes.

    Returns
    -------
    (n_genes, n_genes) float64; 0 for genes that do not vary. Memory: three such matrices and one dense block.
    """
    count = 0
    centre = None
    total = np.zeros(n_genes)
    cross = np.zeros((n_genes, n_genes))
    for block in blocks:
        if block.shape[0] == 0:
            continue
        dense = block.toarray().astype(np.float64)
        if centre is None:
            centre = dense.mean(axis=0)
        dense -= centre
        count += len(dense)
        total += dense.sum(axis=0)
        cross += dense.T @ dense
    if count == 0:
        return cross
    cross -= np.outer(total, total / count)
    variance = np.diag(cross).copy()
    scale = np.divide(
        1, np.sqrt(np.maximum(variance, 0)), out=np.zeros(n_genes), where=variance > 1e-9 * count
    )
    cross *= scale[:, None]
    cross *= scale
    return np.clip(cross, -1, 1, out=cross)


def correlation_of_shared(
    studies: Iterable[tuple[np.ndarray, Iterable[sparse.csr_matrix]]], n_genes: int
) -> np.ndarray:
    """Return Pearson's correlation of every two genes over the cells of the studies that measure both.

    Parameters
    ----------
    studies
        (genes, blocks) of each study: positions of the genes that it measures, and CSR (cells, those genes)
        of normalised values, one item per block.
    n_genes
        Number of genes.

    Returns
    -------
    As :func:`pooled_correlation`, equal to it if all studies measure all genes; 0 for pairs of genes that no
    study measures together. Memory: five such matrices and one dense block.
    """
    count, total, square, cross = (np.zeros((n_genes, n_genes)) for _ in range(4))
    centre, known = np.zeros(n_genes), np.zeros(n_genes, dtype=bool)
    for genes, blocks in studies:
        n, sums, squares = 0, np.zeros(len(genes)), np.zeros(len(genes))
        both = np.ix_(genes, genes)
        for block in blocks:
            if block.shape[0] == 0:
                continue
            dense = block.toarray().astype(np.float64)
            fresh = ~known[genes]
            centre[genes[fresh]] = dense[:, fresh].mean(axis=0)  # centring improves the accuracy of the sums
            known[genes] = True
            dense -= centre[genes]
            n += len(dense)
            sums += dense.sum(axis=0)
            squares += (dense**2).sum(axis=0)
            cross[both] += dense.T @ dense
        # for the gene of each row, over the cells that also measure the gene of the column
        count[both] += n
        total[both] += sums[:, None]
        square[both] += squares[:, None]
    size = np.maximum(count, 1)
    cross -= total * total.T / size
    variance = square - total**2 / size
    varies = (variance > 1e-9 * size) & (count > 0)
    scale = np.divide(1, np.sqrt(np.maximum(variance, 0)), out=np.zeros_like(variance), where=varies)
    return np.clip(cross * scale * scale.T, -1, 1)


def strong_pairs(correlation: np.ndarray, eta: float, fewest: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs (int32 (E, 2), first < second) with absolute correlation >= eta, and that value.

    Parameters
    ----------
    correlation
        (n_genes, n_genes).
    eta
        Threshold.
    fewest
        Number of strongest pairs that are returned even below the threshold, if they are correlated at all.
    """
    first, second = np.triu_indices(len(correlation), 1)
    value = np.abs(correlation[first, second])
    kept = value >= eta
    if 0 < fewest < len(value) and kept.sum() < fewest:
        kept[np.argpartition(-value, fewest)[:fewest]] = True
        kept &= value > 0
    elif fewest >= len(value):
        kept = value > 0
    return np.stack([first[kept], second[kept]], axis=1).astype(np.int32), value[kept]
