"""Links of peaks to genes: correlation over metacells, against matched peaks of other chromosomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.links.coherent import Coherence
from panscape.coem.links.compare import compared
from panscape.coem.links.pairs import LinkSettings, Pairs
from panscape.coem.peaks import chromosome
from panscape.log import logger
from panscape.stats.pair_correlation import PairMatrix, background_moments, pair_correlations

MIN_BACKGROUND = 20  # minimum number of peaks of a bin on other chromosomes


def link_peaks(
    rna: sparse.spmatrix,
    atac: sparse.spmatrix,
    genes: pd.DataFrame,
    peaks: pd.DataFrame,
    pairs: Pairs,
    settings: LinkSettings | Mapping[str, Any] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlate pairs over metacells, and compare them with the same genes and matched peaks elsewhere.

    Parameters
    ----------
    rna, atac
        Normalised values (:func:`panscape.coem.metacells.embed.log_normalised`), metacells x genes and x
        peaks.
    genes, peaks
        Tables of genes and peaks, indexed by name.
    pairs
        From :func:`candidate_pairs`.
    settings
        See :class:`LinkSettings`.

    Returns
    -------
    (links, best peaks). Links, a DataFrame by gene and peak: gene, peak, distance, r (Pearson), rho
    (Spearman); background_mean and background_sd of the chosen statistic, with matched peaks of other
    chromosomes; peak_sd, the standard deviation of the peak's statistic with genes of other chromosomes; z =
    (statistic - mean) / the larger of the two; pvalue and fdr
    (:func:`panscape.coem.links.target_decoy.signed_rates`; NaN if gene or peak does not vary, or other
    chromosomes have fewer than 20 matched peaks or genes);
    trans (the statistic for one matched peak of another chromosome); found (fdr, and second_fdr where there
    is one, as asked, not explained by another link, and not likely to share only cell types); score (what
    pairs are ordered by); explained_by (a better link of the gene from a peak within 5 kb, or ''); second_fdr
    (of genes with a link: the rate of pairs other than the best, compared with the same genes' decoys); of
    pairs with the fdr that is asked: within (the statistic within clusters of similar metacells) and
    type_only (:func:`panscape.coem.links.two_kinds.type_only`).
    Best peaks: see :func:`panscape.coem.links.best.best_peaks`.

    Raises
    ------
    ValueError
        If a value is not finite: one would leave the background of all pairs without a value.

    Notes
    -----
    SEACells compares a pair with its gene's matched peaks, assuming a normal distribution, which z is suited
    for. Correlations over metacells are not normal: metacells of one sample follow a few programmes, so that
    unrelated genes and peaks correlate strongly, and a gene's standard deviation grows with its own signal.
    Counting decoys makes no such assumption.
    """
    settings = LinkSettings.of(settings)
    ranks = settings.statistic == "spearman"
    for name, values in (("rna", rna), ("atac", atac)):
        if not np.isfinite(values.data).all():
            raise ValueError(f"{name} has values that are not finite")
    left, right = PairMatrix(rna), PairMatrix(atac)
    r = pair_correlations(left, right, pairs.gene, pairs.peak)
    rho = pair_correlations(left, right, pairs.gene, pairs.peak, ranks=True)
    statistic = rho if ranks else r
    chroms = chromosome(genes["chrom"]), chromosome(peaks["chrom"])
    mean, sd = background_moments(
        left,
        right,
        pairs.gene,
        pairs.bin[pairs.peak],
        pairs.pool,
        pairs.bin[pairs.pool],
        *chroms,
        min_peaks=MIN_BACKGROUND,
        ranks=ranks,
    )
    every_sd = _peak_spread(left, right, pairs, *chroms, ranks=ranks)
    peak_sd = every_sd[pairs.peak]
    trans = control_correlations(left, right, pairs, ranks=ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        wide = np.fmax(sd, peak_sd)
        z = np.where(wide > 0, (statistic - mean) / wide, np.nan)
    table = pd.DataFrame(
        {
            "gene": genes.index.to_numpy(dtype=object)[pairs.gene],
            "peak": peaks.index.to_numpy(dtype=object)[pairs.peak],
            "distance": pairs.distance,
            "r": r,
            "rho": rho,
            "background_mean": mean,
            "background_sd": sd,
            "peak_sd": peak_sd,
            "z": z,
        }
    )
    middle = ((peaks["start"] + peaks["end"]) / 2).to_numpy(dtype=float)[pairs.peak]
    coherence = Coherence.of(rna, atac, pairs, ranks=ranks) if len(pairs.gene) else None
    table, best = compared(
        table, statistic, trans, every_sd, pairs, chroms[0], middle, settings.fdr, coherence
    )
    _tell_untested(table["fdr"])
    return table, best


def _tell_untested(fdr: pd.Series) -> None:
    lacking = int(fdr.isna().sum())
    if lacking:
        text = (
            "%d of %d pairs cannot be tested: their gene or peak does not vary, or other chromosomes have "
            "fewer than %d matched peaks or genes"
        )
        tell = logger.warning if lacking == len(fdr) else logger.info
        tell(text, lacking, len(fdr), MIN_BACKGROUND)


def _peak_spread(
    left: PairMatrix,
    right: PairMatrix,
    pairs: Pairs,
    gene_chrom: np.ndarray,
    peak_chrom: np.ndarray,
    *,
    ranks: bool,
) -> np.ndarray:
    """Return per peak the standard deviation of its correlations with genes of other chromosomes."""
    result = np.full(len(peak_chrom), np.nan)
    used = np.unique(np.concatenate([pairs.peak, pairs.trans[pairs.trans >= 0]]))
    zeros = np.zeros(len(used), dtype=np.int64), np.zeros(len(pairs.genes), dtype=np.int64)
    _, result[used] = background_moments(
        right,
        left,
        used,
        zeros[0],
        pairs.genes,
        zeros[1],
        peak_chrom,
        gene_chrom,
        min_peaks=MIN_BACKGROUND,
        ranks=ranks,
    )
    return result


def control_correlations(
    left: PairMatrix, right: PairMatrix, pairs: Pairs, *, ranks: bool = False
) -> np.ndarray:
    """Return correlations of each pair's gene with its matched peaks elsewhere, pairs x decoys (NaN: none).

    Parameters
    ----------
    left, right
        RNA and accessibility, observations x features.
    pairs
        Pairs and their controls.
    ranks
        Whether to correlate ranks.
    """
    result = np.full(pairs.trans.shape, np.nan)
    row, at = np.nonzero(pairs.trans >= 0)
    result[row, at] = pair_correlations(left, right, pairs.gene[row], pairs.trans[row, at], ranks=ranks)
    return result


def gene_scores(
    atac: sparse.spmatrix, links: pd.DataFrame, peaks: pd.Index, genes: pd.Index
) -> tuple[sparse.csr_matrix, pd.Index]:
    """Return accessibility summed over each gene's significant positive links, weighted by correlation.

    Parameters
    ----------
    atac
        Normalised values, metacells x peaks.
    links
        From :func:`link_peaks`.
    peaks, genes
        Names of all peaks and genes.

    Returns
    -------
    (CSR metacells x genes with such a link, names of these genes in the order of `genes`).
    """
    chosen = links[links["found"] & (links["r"] > 0)]
    named = genes[genes.isin(chosen["gene"])]
    weight = sparse.csr_matrix(
        (chosen["r"].to_numpy(), (peaks.get_indexer(chosen["peak"]), named.get_indexer(chosen["gene"]))),
        shape=(len(peaks), len(named)),
    )
    return sparse.csr_matrix(sparse.csr_matrix(atac) @ weight), named
