"""Gene activity: accessibility summed over the peaks of each gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.genes import match_genes, read_genes, starts_of
from panscape.coem.peaks import chromosome


def placed(
    genes_table: pd.DataFrame | None, path: str | None, transcripts: str = "longest"
) -> pd.DataFrame | None:
    """Return the genes with known positions, from a table or the sample; None if there are none.

    Parameters
    ----------
    genes_table
        The sample's genes (None: a sample without RNA, whose genes are those of the table).
    path
        Annotation or table of genes, see :func:`panscape.coem.genes.read_genes`.
    transcripts
        Transcripts whose starts are used, as there.
    """
    if path:
        table = read_genes(path, transcripts=transcripts)
        if genes_table is not None:
            table = match_genes(table, genes_table, path)
    elif genes_table is not None:
        table = genes_table
    else:
        return None
    table = table[pd.to_numeric(table["tss"], errors="coerce").notna()]
    return table if len(table) else None


def peaks_near(
    peaks: pd.DataFrame, genes: pd.DataFrame, window: int, *, anchor: str = "tss"
) -> tuple[np.ndarray, np.ndarray]:
    """Find the peaks that overlap a window around each gene.

    Parameters
    ----------
    peaks
        chrom, start, end.
    genes
        chrom, tss; start and end for `anchor` body; `all_tss` for a window around each start.
    window
        Base pairs on each side of the anchor.
    anchor
        ``"tss"`` or ``"body"`` (the start where the body is unknown).

    Returns
    -------
    (rows of `genes`, rows of `peaks`) of every pair, by gene and then by peak.
    """
    row, first = starts_of(genes)
    if anchor == "tss" and len(row) > len(genes):
        single = genes.iloc[row].assign(tss=first).drop(columns="all_tss")
        gene, peak = peaks_near(peaks, single, window)
        found = np.unique(np.stack([row[gene], peak]), axis=1)
        return found[0], found[1]
    first = genes["tss"].to_numpy(dtype=float)
    last = first.copy()
    if anchor == "body":
        start, end = genes["start"].to_numpy(dtype=float), genes["end"].to_numpy(dtype=float)
        known = np.isfinite(start) & np.isfinite(end)
        first, last = np.where(known, start, first), np.where(known, end, last)
    gene_chromosome, peak_chromosome = chromosome(genes["chrom"]), chromosome(peaks["chrom"])
    found_genes, found_peaks = [], []
    starts, ends = peaks["start"].to_numpy(), peaks["end"].to_numpy()
    for name in pd.unique(gene_chromosome):
        rows = np.flatnonzero(peak_chromosome == name)
        if not len(rows):
            continue
        rows = rows[np.argsort(starts[rows], kind="stable")]
        longest = int((ends[rows] - starts[rows]).max())
        at = np.flatnonzero(gene_chromosome == name)
        low = np.searchsorted(starts[rows], first[at] - window - longest, side="left")
        high = np.searchsorted(starts[rows], last[at] + window, side="right")
        count = high - low
        gene = np.repeat(at, count)
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
        peak = rows[place]
        near = ends[peak] > first[gene] - window
        found_genes.append(gene[near])
        found_peaks.append(peak[near])
    if not found_genes:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    gene, peak = np.concatenate(found_genes), np.concatenate(found_peaks)
    order = np.lexsort((peak, gene))
    return gene[order], peak[order]


def gene_activity(
    counts: sparse.csr_matrix, peaks: pd.DataFrame, genes: pd.DataFrame, *, window: int = 5000
) -> tuple[sparse.csr_matrix, pd.DataFrame]:
    """Sum the counts of the peaks in each gene's body (where known) or near its start.

    Parameters
    ----------
    counts
        CSR, cells or metacells x peaks.
    peaks
        chrom, start, end.
    genes
        chrom, tss, and start and end where known.
    window
        Base pairs around a gene's start.

    Returns
    -------
    (CSR sums, observations x genes with peaks; table of these genes).
    """
    gene, peak = peaks_near(peaks, genes, window, anchor="body")
    have = np.unique(gene)
    place = np.searchsorted(have, gene)
    shape = (len(peaks), len(have))
    member = sparse.csr_matrix((np.ones(len(gene), dtype=np.float32), (peak, place)), shape=shape)
    return sparse.csr_matrix(counts @ member), genes.iloc[have]
