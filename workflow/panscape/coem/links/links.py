"""Links of peaks to genes: correlation over metacells, against matched peaks of other chromosomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.links.pairs import LinkSettings, Pairs
from panscape.coem.peaks import chromosome
from panscape.log import logger
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.pair_correlation import PairMatrix, background_moments, pair_correlations

MIN_BACKGROUND = 20  # minimum number of peaks of a bin on other chromosomes


def link_peaks(
    rna: sparse.spmatrix,
    atac: sparse.spmatrix,
    genes: pd.DataFrame,
    peaks: pd.DataFrame,
    pairs: Pairs,
    settings: LinkSettings | Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Correlate pairs over metacells and compare each with its matched background.

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
    DataFrame by gene and peak: gene, peak, distance, r (Pearson), rho (Spearman); background_mean and
    background_sd of the chosen statistic, with matched peaks of other chromosomes; peak_sd, the standard
    deviation of the peak's statistic with genes of other chromosomes; z = (statistic - mean) / the larger of
    the two; pvalue (two-sided, normal); fdr (Benjamini-Hochberg over all pairs); trans (the statistic for one
    matched peak of another chromosome); found (fdr as asked).

    Notes
    -----
    A peak that varies with cell state correlates with many genes. Compared with peaks that mostly do not
    vary, it would be linked to any nearby gene that varies with state; dividing by the peak's own standard
    deviation prevents this. SEACells compares with the matched peaks alone (that is (statistic -
    background_mean) / background_sd).
    """
    settings = LinkSettings.of(settings)
    ranks = settings.statistic == "spearman"
    left, right = PairMatrix(rna), PairMatrix(atac)
    r = pair_correlations(left, right, pairs.gene, pairs.peak)
    rho = pair_correlations(left, right, pairs.gene, pairs.peak, ranks=True)
    score = rho if ranks else r
    mean, sd = background_moments(
        left,
        right,
        pairs.gene,
        pairs.bin[pairs.peak],
        pairs.pool,
        pairs.bin[pairs.pool],
        chromosome(genes["chrom"]),
        chromosome(peaks["chrom"]),
        min_peaks=MIN_BACKGROUND,
        ranks=ranks,
    )
    _, peak_sd = background_moments(
        right,
        left,
        pairs.peak,
        np.zeros(len(pairs.peak), dtype=np.int64),
        pairs.genes,
        np.zeros(len(pairs.genes), dtype=np.int64),
        chromosome(peaks["chrom"]),
        chromosome(genes["chrom"]),
        min_peaks=MIN_BACKGROUND,
        ranks=ranks,
    )
    trans = control_correlations(left, right, pairs, ranks=ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        wide = np.fmax(sd, peak_sd)
        z = np.where(wide > 0, (score - mean) / wide, np.nan)
    pvalue = _two_sided(z)
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
            "pvalue": pvalue,
            "fdr": benjamini_hochberg(pvalue),
            "trans": trans[:, 0],
        }
    )
    table["found"] = table["fdr"] <= settings.fdr
    lacking = int(np.isnan(z).sum())
    if lacking:
        text = "%d of %d pairs cannot be tested: less than %d matched peaks on other chromosomes"
        tell = logger.warning if lacking == len(z) else logger.info
        tell(text, lacking, len(z), MIN_BACKGROUND)
    return table


def control_correlations(
    left: PairMatrix, right: PairMatrix, pairs: Pairs, *, ranks: bool = False
) -> np.ndarray:
    """Return the correlations of each pair's gene with its matched peaks elsewhere, pairs x 5 (NaN: none).

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


def _two_sided(z: np.ndarray) -> np.ndarray:
    from scipy.stats import norm

    return np.where(np.isfinite(z), 2 * norm.sf(np.abs(z)), np.nan)


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
