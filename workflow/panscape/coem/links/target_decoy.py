"""False discovery rates of links from decoys: the same genes with matched peaks of other chromosomes.

A pair within reach is a target, and its controls are decoys. A score learned on other chromosomes orders
both; the number of decoys above a target's score estimates how many targets reach it by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FOLDS = 5  # groups of chromosomes; each is scored by a model of the others
MIN_TARGETS = 200  # minimum number of targets for a learned score
MIN_TRAINING = 50  # minimum number of targets, and of decoys, that each model is fitted on
MAX_TRAINING = 300_000  # maximum number of rows that a model is fitted on
BLOCK_ROWS = 200_000  # rows scored at once
LOOSE = 0.06  # inverse strength of the ridge penalty per target, standardised features
CLIP = 0.999  # correlations are clipped before Fisher's transform


@dataclass(frozen=True)
class Rivals:
    """Targets and decoys, one row each.

    Attributes
    ----------
    value
        Correlation, -1 to 1.
    gene_sd, peak_sd
        Standard deviations of the correlations of the row's gene with matched peaks, and of its peak with
        genes, of other chromosomes.
    distance
        Base pairs, of a decoy those of its target.
    chrom
        Chromosome of the gene, as a number.
    weight
        0 for targets; for decoys, 1 / number of decoys of the target.
    """

    value: np.ndarray
    gene_sd: np.ndarray
    peak_sd: np.ndarray
    distance: np.ndarray
    chrom: np.ndarray
    weight: np.ndarray

    @property
    def target(self) -> np.ndarray:
        """Return whether each row is a target."""
        return self.weight == 0

    @cached_property
    def context(self) -> np.ndarray:
        """Return the logs of distance and of the standard deviations, standardised over rows, 3 x rows."""
        logs = np.log10(np.abs(self.distance) + 1000), np.log(self.gene_sd), np.log(self.peak_sd)
        return np.stack([_standard(values) for values in logs])

    def features(self, rows: np.ndarray, sign: int, *, plain: bool) -> np.ndarray:
        """Return the features of some rows for a sign of correlations, rows x features.

        Parameters
        ----------
        rows
            int: rows of the targets and decoys.
        sign
            1 or -1: the correlations are multiplied by it.
        plain
            Whether to use the correlation alone, without distance and standard deviations.
        """
        up = np.maximum(fisher(sign * self.value[rows]), 0)
        powers = [up, up**2, up**3]
        if plain:
            return np.column_stack(powers)
        far, gene, peak = self.context[:, rows]
        own = [up * gene, up * peak, up**2 * gene, up**2 * peak, gene, peak]
        return np.column_stack([*powers, up * far, up * far**2, up**2 * far, far, far**2, *own])


def fisher(r: np.ndarray) -> np.ndarray:
    """Return Fisher's transform of correlations."""
    return np.arctanh(np.clip(r, -CLIP, CLIP))


def _standard(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1)


def scores(rivals: Rivals, sign: int = 1, *, plain: bool = False) -> np.ndarray:
    """Score targets and decoys: log of the ratio of their densities.

    A logistic regression separates targets from decoys by correlation, distance and the standard deviations
    of gene and peak. Correlations interact with the others: strong ones count for more where targets exceed
    decoys more often, that is near the gene, and for less in genes and peaks that correlate with many.
    Chromosomes are scored by a model of other chromosomes, so that a target's score does not depend on its
    being a target.

    Parameters
    ----------
    rivals
        Targets and decoys, without NaN.
    sign
        1 scores positive correlations, -1 negative ones.
    plain
        See :meth:`Rivals.features`.

    Returns
    -------
    float64 (rows,). Correlations of the other sign take no part in the regression and are ordered below all
    of this sign. With fewer than 200 targets of this sign, or fewer than 50 targets or decoys on the other
    chromosomes of a group, Fisher's transform of the correlation.
    """
    result = fisher(sign * rivals.value)
    chroms = np.unique(rivals.chrom)
    target, inside = rivals.target, sign * rivals.value >= 0
    decoys = float(rivals.weight[inside].sum())
    fold = np.searchsorted(chroms, rivals.chrom) % FOLDS
    number = np.stack([np.bincount(fold[inside & part], minlength=FOLDS) for part in (target, ~target)])
    others = number.sum(axis=1) - number.max(axis=1)
    if number[0].sum() < MIN_TARGETS or others.min() < MIN_TRAINING:
        return result
    for name in np.unique(fold):
        mine, rest = np.flatnonzero(inside & (fold == name)), np.flatnonzero(inside & (fold != name))
        rest = rest[:: max(1, -(-len(rest) // MAX_TRAINING))]
        model = _fitted(rivals.features(rest, sign, plain=plain), target[rest])
        for low in range(0, len(mine), BLOCK_ROWS):
            rows = mine[low : low + BLOCK_ROWS]
            result[rows] = model.decision_function(rivals.features(rows, sign, plain=plain))
    result[inside] += np.log((target & inside).sum() / decoys)  # the model weighs both groups equally
    result[~inside] += result[inside].min()
    return result


def _fitted(x: np.ndarray, target: np.ndarray):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    strength = LOOSE * target.mean()  # decoys add precision, but no targets to learn from
    regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
    return make_pipeline(StandardScaler(), regression).fit(x, target)


def target_decoy(score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p-values and false discovery rates of targets.

    The rate at a score is the weighted number of decoys with at least this score, plus one decoy, divided by
    the number of such targets (elias2007decoy; the decoy that is added makes it an upper bound also for
    few targets); it is made monotone from the lowest score up. All targets count as potentially unlinked, so
    that the rate is an overestimate where many are linked.

    Parameters
    ----------
    score
        (n,): scores of targets and decoys, larger for better.
    weight
        (n,): 0 for targets; for decoys, 1 / number of decoys of each target.

    Returns
    -------
    (p-value, false discovery rate), both float64 (n,), NaN for decoys. The p-value is the fraction of decoys
    that score at least as high, counting the target itself as one.

    Examples
    --------
    >>> p, q = target_decoy(np.array([5.0, 4, 3, 2, 1, 0]), np.array([0, 0, 0, 1, 0, 1.0]))
    >>> q.round(2)
    array([0.33, 0.33, 0.33,  nan, 0.5 ,  nan])
    """
    pvalue, fdr = np.full(len(score), np.nan), np.full(len(score), np.nan)
    target = weight == 0
    if not target.any() or target.all():
        return pvalue, fdr
    one = float(weight[~target].mean())
    names, place = np.unique(-score, return_inverse=True)  # ties are counted together
    decoys = np.cumsum(np.bincount(place, weight, minlength=len(names)))
    targets = np.cumsum(np.bincount(place, target, minlength=len(names)))
    rate = (decoys + one) / np.maximum(targets, 1)
    rate = np.minimum(np.minimum.accumulate(rate[::-1])[::-1], 1)
    pvalue[target] = ((decoys + one) / (decoys[-1] + one))[place[target]]
    fdr[target] = rate[place[target]]
    return pvalue, fdr


def signed_rates(rivals: Rivals, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare positive correlations with positive decoys, and negative ones with negative decoys.

    Parameters
    ----------
    rivals
        Targets and decoys, without NaN.
    positive
        (rows,): their :func:`scores` for positive correlations.

    Returns
    -------
    (score, p-value, false discovery rate), each (rows,); the latter two NaN for decoys. p-values are uniform
    among unlinked pairs of either sign, and the rates hold within each sign.
    """
    score, pvalue, fdr = (np.full(len(rivals.value), np.nan) for _ in range(3))
    for mine, of_sign in ((rivals.value >= 0, positive), (rivals.value < 0, scores(rivals, -1))):
        score[mine] = of_sign[mine]
        pvalue[mine], fdr[mine] = target_decoy(score[mine], rivals.weight[mine])
    return score, pvalue, fdr


def second_rates(
    score: np.ndarray, rivals: Rivals, gene: np.ndarray, told: np.ndarray, explained: np.ndarray
) -> np.ndarray:
    """Return false discovery rates of further links of genes that have one.

    Among all pairs the rate is an average: of the best links of genes fewer are false, of further links more,
    because a gene that varies strongly also correlates with more peaks by chance. Further links are compared
    with the decoys of the same genes.

    Parameters
    ----------
    score
        (rows,): from :func:`signed_rates`.
    rivals
        Targets, in the first rows, and decoys.
    gene
        (rows,): each row's gene.
    told
        (targets,): which are links.
    explained
        (targets,): which are links, but stand for the same peak as another.

    Returns
    -------
    float64 (targets,): rate of the pairs other than the best link of each gene, of genes with a link; NaN for
    all other pairs, and without decoys.
    """
    number = len(told)
    result = np.full(len(score), np.nan)
    best = np.zeros(len(score), dtype=bool)
    links = np.flatnonzero(told)
    links = links[np.argsort(-score[links], kind="stable")]
    best[links[np.unique(gene[links], return_index=True)[1]]] = True
    here = np.isin(gene, gene[best]) & ~best
    here[:number] &= ~explained
    up = rivals.value >= 0
    # links are positive as a rule, so that negative targets tell how many pairs are unlinked
    down = here & ~up
    unlinked = min(1.0, ((down & rivals.target).sum() + 1) / (rivals.weight[down].sum() + 1))
    for side, fraction in ((up, unlinked), (~up, 1.0)):
        rows = np.flatnonzero(here & side)
        result[rows] = fraction * target_decoy(score[rows], rivals.weight[rows])[1]
    return result[:number]
