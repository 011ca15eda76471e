"""Pairs of a gene and a peak against their decoys: rates, explained links, the best peaks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.coem.links.best import best_peaks
from panscape.coem.links.coherent import Coherence
from panscape.coem.links.pairs import Pairs
from panscape.coem.links.reach import NEIGHBOUR
from panscape.coem.links.target_decoy import Rivals, scores, second_rates, signed_rates
from panscape.coem.links.two_kinds import kept

LATE = ("second_fdr", "within", "type_only")  # columns of pairs that are called at first


def compared(
    table: pd.DataFrame,
    statistic: np.ndarray,
    controls: np.ndarray,
    every_sd: np.ndarray,
    pairs: Pairs,
    gene_chrom: np.ndarray,
    middle: np.ndarray,
    fdr: float,
    coherence: Coherence | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add to the pairs what follows from their decoys, and select each gene's best peak.

    Parameters
    ----------
    table
        Pairs: gene, peak, distance, r, rho, background_sd, peak_sd ...
    statistic
        (pairs,): correlations.
    controls
        Those of the decoys, pairs x decoys (NaN: none).
    every_sd
        peak_sd of all peaks of the sample.
    pairs
        Pairs and their decoys.
    gene_chrom
        Chromosome of each gene of the sample.
    middle
        (pairs,): position of each pair's peak.
    fdr
        False discovery rate up to which a pair is called.
    coherence
        Metacells in clusters; None judges no correlations within clusters.

    Returns
    -------
    (pairs, best peaks), as :func:`panscape.coem.links.links.link_peaks` returns them.
    """
    known = np.isfinite(controls) & np.isfinite(every_sd[pairs.trans]) & (pairs.trans >= 0)
    known &= (every_sd[pairs.trans] > 0) & np.isfinite(statistic)[:, None]
    sd, peak_sd = table["background_sd"].to_numpy(), table["peak_sd"].to_numpy()
    with np.errstate(invalid="ignore"):
        tested = known.any(axis=1) & (sd > 0) & (peak_sd > 0)
    rows = np.flatnonzero(tested)
    row, column = np.nonzero(known & tested[:, None])
    number = known.sum(axis=1)
    both = np.concatenate([rows, row])
    rivals = Rivals(
        value=np.concatenate([statistic[rows], controls[row, column]]),
        gene_sd=sd[both],
        peak_sd=np.concatenate([peak_sd[rows], every_sd[pairs.trans[row, column]]]),
        distance=table["distance"].to_numpy()[both],
        chrom=np.unique(gene_chrom[pairs.gene[both]], return_inverse=True)[1],
        weight=np.concatenate([np.zeros(len(rows)), 1 / number[row]]),
    )
    result = table.copy()
    for name in ("score", "pvalue", "fdr"):
        result[name] = np.nan
    positive = scores(rivals)
    rated = signed_rates(rivals, positive)
    for name, values in zip(("score", "pvalue", "fdr"), rated, strict=True):
        result.loc[rows, name] = values[: len(rows)]
    result["trans"] = controls[:, 0]
    called = (result["fdr"] <= fdr).to_numpy()
    for name in ("within", "type_only"):
        result[name] = np.nan
    support = None
    if coherence is not None and called.any():
        score = result["score"].to_numpy()[rows]
        inner, only, support = coherence.probability(rows, statistic[rows], score, called[rows])
        result.loc[called, ["within", "type_only"]] = np.column_stack([inner, only])
        called[called] = kept(only, fdr)
    result["explained_by"] = explained_by(result.assign(r=statistic, called=called), middle)
    told = called & (result["explained_by"] == "").to_numpy()
    result["second_fdr"] = np.nan
    result.loc[rows, "second_fdr"] = second_rates(
        rated[0], rivals, pairs.gene[both], told[rows], (called & ~told)[rows]
    )
    result["found"] = told & ~(result["second_fdr"] > fdr)
    order = [*table.columns, "pvalue", "fdr", "trans", "found", "score", "explained_by", *LATE]
    column = np.concatenate([np.full(len(rows), -1), column])
    best = best_peaks(result.iloc[rows], rivals, positive, pairs.gene[both], column, fdr, support)
    return result[order], best


def explained_by(table: pd.DataFrame, middle: np.ndarray) -> np.ndarray:
    """Return for each pair the better link from a peak next to it, or ''.

    Neighbouring peaks are open in the same cells, so that all correlate with a gene that one of them
    regulates; correlation cannot tell which, and the one with the highest score stands for them.

    Parameters
    ----------
    table
        gene, peak, r (of the chosen statistic), called, score.
    middle
        (pairs,): position of each pair's peak.

    Returns
    -------
    object (pairs,): name of a peak; '' for pairs that are no links, or not explained.

    Examples
    --------
    >>> pairs = pd.DataFrame({"gene": "g", "peak": ["p", "q"], "r": 0.8, "called": True, "score": [3.0, 2.0]})
    >>> explained_by(pairs, np.array([1000, 2500])).tolist()
    ['', 'p']
    """
    result = np.full(len(table), "", dtype=object)
    names, score, sign = table["peak"].to_numpy(), table["score"].to_numpy(), table["r"].to_numpy() >= 0
    called = np.flatnonzero(table["called"].to_numpy())
    for rows in pd.Series(called).groupby(table["gene"].to_numpy()[called]).agg(list) if len(called) else ():
        kept: list[int] = []
        for row in sorted(rows, key=lambda at: (-score[at], at)):
            near = [at for at in kept if sign[at] == sign[row] and abs(middle[at] - middle[row]) <= NEIGHBOUR]
            if near:
                result[row] = names[near[0]]
            else:
                kept.append(row)
    return result
