"""Candidate pairs of genes and peaks, and their background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.coem.genes import nearest_start
from panscape.coem.links.activity import peaks_near
from panscape.coem.metacells.settings import METACELL_KEYS, METACELL_RENAMED
from panscape.coem.peaks import chromosome
from panscape.settings import FromMapping, Renamed

MIN_CONTROLS, MAX_CONTROLS = 5, 20  # matched peaks of other chromosomes per pair (decoys)
ENOUGH = 50_000  # decoys of a sample above which a pair has the minimum number: few pairs need more each
MAX_BINS = 10  # maximum number of bins of each of the two properties that peaks are matched by


@dataclass(frozen=True)
class LinkSettings(FromMapping):
    """Settings of :func:`link_peaks`; keys of the configuration's section ``metacells``.

    Parameters
    ----------
    window, anchor
        See :func:`panscape.coem.links.activity.peaks_near`.
    peak_cells
        Minimum number of cells with an open peak (at most a tenth of the cells).
    statistic
        ``"pearson"`` or ``"spearman"``: statistic that is compared with the background.
    background
        Peaks per bin that a link is compared with.
    fdr
        False discovery rate up to which a link is called.
    """

    SECTION: ClassVar[str] = "metacells"
    BESIDE: ClassVar[frozenset[str]] = METACELL_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = METACELL_RENAMED

    window: int = 100_000
    anchor: str = "tss"
    peak_cells: int = 50
    statistic: str = "pearson"
    background: int = 100
    fdr: float = 0.1


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs of genes and peaks.

    Attributes
    ----------
    gene, peak
        Columns of the matrices, one entry per pair.
    distance
        Base pairs from the gene's (nearest) start to the peak's middle; negative upstream (of the + strand
        where the strand is unknown).
    trans
        Matched peaks of other chromosomes (decoys), pairs x 5 to 20, -1 for none.
    bin
        Bin of each peak of the table, -1 for peaks not used.
    pool
        Background peaks, drawn at random within each bin.
    genes
        Background genes.
    """

    gene: np.ndarray
    peak: np.ndarray
    distance: np.ndarray
    trans: np.ndarray
    bin: np.ndarray
    pool: np.ndarray
    genes: np.ndarray


def candidate_pairs(
    genes: pd.DataFrame,
    peaks: pd.DataFrame,
    open_cells: np.ndarray,
    usable: np.ndarray,
    settings: LinkSettings | Mapping[str, Any] | None = None,
    *,
    n_cells: int | None = None,
    seed: int = 0,
) -> Pairs:
    """Find the pairs within the window, and a background for each.

    Peaks are binned by GC content (size if unknown) and by the number of cells in which they are open. The
    background of a pair are peaks of the same bin on chromosomes other than the gene's.

    Parameters
    ----------
    genes
        Table with chrom, tss (NaN if unknown) and strand; start and end for `anchor` body. One row per column
        of the matrix.
    peaks
        Table with chrom, start, end and optionally gc.
    open_cells
        Number of cells in which each peak is open.
    usable
        bool per gene: whether its expression varies.
    settings
        See :class:`LinkSettings`.
    n_cells
        Number of cells, which limits `peak_cells`; None sets no limit.
    seed
        Seed of the background.
    """
    settings = LinkSettings.of(settings)
    min_cells = settings.peak_cells if n_cells is None else min(settings.peak_cells, max(n_cells // 10, 1))
    rows = np.flatnonzero(usable & pd.to_numeric(genes["tss"], errors="coerce").notna().to_numpy())
    columns = np.flatnonzero(np.asarray(open_cells) >= min_cells)
    bins = np.full(len(peaks), -1, dtype=np.int64)
    empty = np.empty(0, dtype=np.int64)
    if not len(rows) or not len(columns):
        return Pairs(empty, empty, empty, np.empty((0, MIN_CONTROLS), dtype=np.int64), bins, empty, empty)
    gene, peak = peaks_near(peaks.iloc[columns], genes.iloc[rows], settings.window, anchor=settings.anchor)
    gene, peak = rows[gene], columns[peak]
    middle = (peaks["start"].to_numpy() + peaks["end"].to_numpy()) // 2
    sign = np.where(pd.to_numeric(genes["strand"], errors="coerce").to_numpy(dtype=float)[gene] < 0, -1, 1)
    distance = sign * (middle[peak] - nearest_start(genes, gene, middle[peak])).astype(np.int64)
    bins[columns] = peak_bins(peaks.iloc[columns], np.asarray(open_cells)[columns], settings.background)
    rng = seeds.stream(seed, "background")
    pool = _pool(bins, columns, settings.background, rng)
    trans = _trans(gene, peak, genes, peaks, bins, rng)
    others = np.sort(rng.choice(rows, min(len(rows), 2 * settings.background), replace=False))
    return Pairs(gene, peak, distance, trans, bins, pool, others)


def peak_bins(peaks: pd.DataFrame, open_cells: np.ndarray, background: int) -> np.ndarray:
    """Return a bin per peak: quantiles of GC content (or size) within quantiles of accessibility.

    Parameters
    ----------
    peaks
        Table with start, end and optionally gc.
    open_cells
        Number of cells in which each peak is open.
    background
        Number of peaks of a bin.
    """
    n = len(peaks)
    each = int(np.clip(np.sqrt(n / (3 * background)), 1, MAX_BINS))
    has_gc = "gc" in peaks and np.isfinite(peaks["gc"].to_numpy(dtype=float)).all()
    content = (
        peaks["gc"].to_numpy(dtype=float) if has_gc else (peaks["end"] - peaks["start"]).to_numpy(dtype=float)
    )
    result = np.zeros(n, dtype=np.int64)
    for at, part in enumerate(np.array_split(np.argsort(open_cells, kind="stable"), each)):
        for inner, small in enumerate(np.array_split(part[np.argsort(content[part], kind="stable")], each)):
            result[small] = at * each + inner
    return result


def _pool(bins: np.ndarray, columns: np.ndarray, background: int, rng: np.random.Generator) -> np.ndarray:
    """Draw background peaks for each bin, a third more than needed, as some are excluded later."""
    chosen = []
    for name in np.unique(bins[columns]):
        inside = columns[bins[columns] == name]
        chosen.append(np.sort(rng.choice(inside, min(len(inside), background * 4 // 3), replace=False)))
    return np.concatenate(chosen)


def _trans(
    gene, peak, genes: pd.DataFrame, peaks: pd.DataFrame, bins, rng: np.random.Generator
) -> np.ndarray:
    """Draw for each pair peaks of the same bin on other chromosomes."""
    each = int(np.clip(ENOUGH // max(len(gene), 1), MIN_CONTROLS, MAX_CONTROLS))
    gene_chromosome, peak_chromosome = chromosome(genes["chrom"])[gene], chromosome(peaks["chrom"])
    gene_chromosome, of_pair = np.repeat(gene_chromosome, each), np.repeat(bins[peak], each)
    result = np.full(len(gene_chromosome), -1, dtype=np.int64)
    for name in np.unique(of_pair):
        members = np.flatnonzero(bins == name)
        todo = np.flatnonzero(of_pair == name)
        for _ in range(20):  # redraw peaks on the gene's chromosome
            drawn = members[rng.integers(0, len(members), len(todo))]
            good = peak_chromosome[drawn] != gene_chromosome[todo]
            result[todo[good]] = drawn[good]
            todo = todo[~good]
            if not len(todo):
                break
    return result.reshape(-1, each)
