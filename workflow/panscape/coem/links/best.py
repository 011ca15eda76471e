"""The best peak of each gene, with its own false discovery rate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.coem.links.target_decoy import Rivals, scores, target_decoy
from panscape.coem.links.two_kinds import Support

PARTS = 8  # number of distance intervals, equal in their numbers of peaks
STEPS = 30
PSEUDO = 5.0  # genes added to each interval, which draw the weights of distances to 1
FLOOR = 0.05  # smallest fraction of a ratio of densities that counts as evidence
MOST = 6.0  # largest log ratio that is believed: tails are not normal
COLUMNS = ("gene", "peak", "distance", "r", "rho", "pvalue", "fdr", "found", "probability", "runner_up")


def distance_weights(
    gene: np.ndarray, distance: np.ndarray, evidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate how much likelier a gene's linked peak is at some distances than at others.

    Each gene is linked to one of its peaks or to none (expectation maximisation; every step compares how
    often peaks of an interval are the linked one with how often they would be at equal weights).

    Parameters
    ----------
    gene
        (pairs,): number of each pair's gene, from 0.
    distance
        (pairs,): base pairs.
    evidence
        (pairs,): likelihood of the correlation if linked, relative to that if not.

    Returns
    -------
    (weight of each interval, mean 1; upper bounds of the intervals but the last).
    """
    edges = np.unique(np.quantile(np.abs(distance), np.linspace(0, 1, PARTS + 1)[1:-1]))
    part = interval(distance, edges)
    weight, linked = np.ones(len(edges) + 1), 0.3
    for _ in range(STEPS):
        mine = weight[part]
        total = np.bincount(gene, mine)
        posterior = (
            mine * evidence / (np.bincount(gene, mine * evidence) + total * (1 - linked) / linked)[gene]
        )
        of_gene = np.bincount(gene, posterior)
        linked = float(np.clip(of_gene.mean(), 0.01, 0.99))
        expected = np.bincount(part, (of_gene / total)[gene], minlength=len(weight))
        observed = np.bincount(part, posterior, minlength=len(weight))
        weight = (observed + PSEUDO) / (expected + PSEUDO)
        weight /= weight.mean()
    return weight, edges


def interval(distance: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the interval of each distance, by the bounds of :func:`distance_weights`."""
    return np.searchsorted(edges, np.abs(distance), side="right")


def best_peaks(
    table: pd.DataFrame,
    rivals: Rivals,
    score: np.ndarray,
    gene: np.ndarray,
    column: np.ndarray,
    fdr: float,
    support: Support | None = None,
) -> pd.DataFrame:
    """Select one peak per gene and compare the genes with decoy genes.

    The best peak has the largest product of the evidence of its correlation (ratio of the densities of
    targets and decoys, less the fraction that is due to unlinked targets) and the weight of its distance.
    The decoys of a gene's peaks are divided into sets with one for each peak; in each set the best is
    selected in the same way, so that a gene with many peaks is compared with decoys of as many.

    Parameters
    ----------
    table
        Pairs, from :func:`panscape.coem.links.links.link_peaks`; the first rows of `rivals` are those of its
        rows that can be tested, in this order.
    rivals
        Targets and decoys.
    score
        Score of targets and decoys, positive correlations.
    gene
        (rows,): column of each row's gene.
    column
        (rows,): number of a decoy's set; -1 for targets.
    fdr
        False discovery rate up to which a peak is called.
    support
        What the targets' correlations within cell types tell; None for nothing. A peak is compared with
        unlinked ones, of which some share the gene's types: against these its whole correlation is no
        evidence, only that within types.

    Returns
    -------
    DataFrame by gene: gene, peak, distance, r, rho, pvalue, fdr (of best peaks), found, probability (of this
    peak, given that one of the gene's is linked), runner_up (the second-best peak, or '').
    """
    if not rivals.target.any():
        return pd.DataFrame(columns=COLUMNS)
    target = rivals.target
    plain = np.exp(scores(rivals, plain=True))
    below = rivals.value < 0
    unlinked = min(float((target & below).sum() / max(rivals.weight[below].sum(), 1)), 0.99)
    evidence = np.maximum(plain - unlinked, FLOOR * plain) / (1 - unlinked)
    names, place = np.unique(gene, return_inverse=True)
    weight, edges = distance_weights(place[target], rivals.distance[target], evidence[target])
    value = evidence * weight[interval(rivals.distance, edges)]
    if support is not None:
        value[target] /= 1 - support.only + support.only * evidence[target]
        value[target] *= np.exp(np.clip(support.ratio, -MOST, MOST))
    order = np.lexsort((-value, place, column))  # targets first; of equal values, the first row
    starts = np.diff(column[order] * len(names) + place[order], prepend=-len(names) - 1) > 0
    rows = order[starts]
    of_lead = target[rows]
    sets = np.maximum(np.bincount(place[rows[~of_lead]], minlength=len(names)), 1)
    pvalue, rate = target_decoy(score[rows], np.where(of_lead, 0.0, 1 / sets[place[rows]]))
    lead, second = rows[of_lead], order[1:][starts[:-1] & ~starts[1:] & target[order[1:]]]
    runner = np.full(len(names), "", dtype=object)
    runner[place[second]] = table["peak"].to_numpy()[second]
    result = table.iloc[lead][["gene", "peak", "distance", "r", "rho"]].reset_index(drop=True)
    result["pvalue"], result["fdr"] = pvalue[of_lead], rate[of_lead]
    result["found"] = result["fdr"] <= fdr
    total = np.bincount(place[target], value[target])
    result["probability"] = value[lead] / total
    result["runner_up"] = runner
    return result[list(COLUMNS)]
