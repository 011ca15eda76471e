"""Rank correlations, their permutation nulls and the mixing of studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from panscape.stats.singular import least_squares


@dataclass(frozen=True)
class Tested:
    """A statistic beside its null.

    Parameters
    ----------
    value
        The observed statistic, NaN where it is not defined.
    null_mean, null_sd
        Mean and standard deviation (ddof 1) under permutation; of absolute values for correlations.
    pvalue
        (1 + permutations at least as extreme) / (1 + permutations), NaN without permutations.
    n
        Number of clusters it rests on.
    """

    value: float
    null_mean: float = np.nan
    null_sd: float = np.nan
    pvalue: float = np.nan
    n: int = 0


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's rho over the entries finite in both; NaN for fewer than 3 or a constant one."""
    usable = np.isfinite(x) & np.isfinite(y)
    if usable.sum() < 3:
        return np.nan
    return _cosine(centred_ranks(x[usable]), centred_ranks(y[usable]))


def partial_spearman(x: np.ndarray, y: np.ndarray, controls: Sequence[np.ndarray]) -> float:
    """Return the correlation of the ranks of x and y after regressing both on the ranks of the controls.

    Only entries finite everywhere count; NaN if the controls leave nothing to correlate.
    """
    stack = np.stack([x, y, *controls])
    usable = np.isfinite(stack).all(axis=0)
    if usable.sum() < len(controls) + 3:
        return np.nan
    ranks = np.stack([centred_ranks(row[usable]) for row in stack])
    design = ranks[2:].T
    rest = []
    for row in ranks[:2]:
        left = row - design @ least_squares(design, row) if len(controls) else row
        if left @ left <= 1e-10 * max(row @ row, 1e-300):
            return np.nan
        rest.append(left)
    return _cosine(rest[0], rest[1])


def within_groups_spearman(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> float:
    """Return the mean of the groups' Spearman correlations, weighted by n - 1 of each group."""
    total = weight = 0.0
    for group in np.unique(groups):
        inside = (groups == group) & np.isfinite(x) & np.isfinite(y)
        rho = spearman(x[inside], y[inside])
        if np.isfinite(rho):
            total += rho * (inside.sum() - 1)
            weight += inside.sum() - 1
    return total / weight if weight else np.nan


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks (of each column), ties averaged, minus their mean."""
    ranks = rankdata(values, axis=0)
    return ranks - ranks.mean(axis=0)


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    scale = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else np.nan


def correlation_pvalues(rho: np.ndarray, n: int) -> np.ndarray:
    """Return two-sided p-values of correlations of n pairs by Student's t with n - 2 degrees of freedom.

    Clusters that share cells are not independent, so these rank; the permutation nulls test.
    """
    from scipy.stats import t

    rho = np.asarray(rho, dtype=np.float64)
    if n < 3:
        return np.full(rho.shape, np.nan)
    with np.errstate(divide="ignore"):
        score = np.abs(rho) * np.sqrt((n - 2) / np.maximum(1 - rho**2, 0))
    return np.where(np.isnan(rho), np.nan, 2 * t.sf(score, n - 2))


def benjamini_hochberg(pvalues: np.ndarray) -> np.ndarray:
    """Return false discovery rates (Benjamini & Hochberg 1995); NaN stays NaN and is not counted."""
    pvalues = np.asarray(pvalues, dtype=np.float64)
    found = np.full(pvalues.shape, np.nan)
    known = np.flatnonzero(~np.isnan(pvalues))
    order = known[np.argsort(-pvalues[known], kind="stable")]
    count = len(order)
    scaled = pvalues[order] * count / np.arange(count, 0, -1)
    found[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return found


def permutation_test(
    statistic: Callable[[np.ndarray], float],
    labels: np.ndarray,
    rng: np.random.Generator,
    *,
    permutations: int = 1000,
    alternative: str = "two-sided",
    groups: np.ndarray | None = None,
    null_statistic: Callable[[np.ndarray], float] | None = None,
) -> Tested:
    """Compare a statistic of labels with its values under permuted labels.

    Parameters
    ----------
    statistic
        Takes labels (n,), returns a number.
    labels
        (n,) observed labels.
    rng
        Source of the permutations.
    permutations
        How many; 0 gives the value alone.
    alternative
        ``"two-sided"``: absolute values are compared and described; ``"less"``: small values are extreme.
    groups
        (n,) optional: labels are permuted within groups only.
    null_statistic
        Takes permuted labels, where something else that depends on them has to be chosen again.
    """
    value = float(statistic(labels))
    if permutations == 0 or np.isnan(value):
        return Tested(value, n=len(labels))
    null = np.empty(permutations)
    for turn in range(permutations):
        null[turn] = (null_statistic or statistic)(_permuted(labels, rng, groups))
    if alternative == "two-sided":
        null = np.abs(null)
    null = null[np.isfinite(null)]
    if len(null) < 2:
        return Tested(value, n=len(labels))
    extreme = null <= value + 1e-12 if alternative == "less" else null >= abs(value) - 1e-12
    pvalue = (1 + extreme.sum()) / (1 + len(null))
    return Tested(value, float(null.mean()), float(null.std(ddof=1)), float(pvalue), len(labels))


def spearman_test(
    x: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    permutations: int = 1000,
    groups: np.ndarray | None = None,
) -> Tested:
    """Compare Spearman's rho (within groups, if given) with its values for permuted y.

    The same as :func:`permutation_test` with :func:`spearman` or :func:`within_groups_spearman` and labels
    permuted within the groups, but ranks are taken once.
    """
    usable = np.isfinite(x) & np.isfinite(y)
    count = int(usable.sum())
    x, y = x[usable], y[usable]
    groups = np.zeros(count) if groups is None else np.asarray(groups)[usable]
    own, other = np.zeros(count), np.zeros(count)
    total = 0
    for group in np.unique(groups):
        inside = np.flatnonzero(groups == group)
        ranks = [centred_ranks(values[inside]) for values in (x, y)]
        lengths = [np.sqrt(rank @ rank) for rank in ranks]
        if len(inside) < 3 or min(lengths) == 0:
            continue
        own[inside] = ranks[0] / lengths[0] * (len(inside) - 1)
        other[inside] = ranks[1] / lengths[1]
        total += len(inside) - 1
    if total == 0:
        return Tested(np.nan, n=count)
    found = permutation_test(
        lambda ranks: own @ ranks / total, other, rng, permutations=permutations, groups=groups
    )
    return Tested(min(max(found.value, -1.0), 1.0), found.null_mean, found.null_sd, found.pvalue, count)


def _permuted(labels, rng, groups):
    if groups is None or (groups == groups[0]).all():
        return rng.permutation(labels)
    found = labels.copy()
    for group in np.unique(groups):
        inside = np.flatnonzero(groups == group)
        found[inside] = labels[rng.permutation(inside)]
    return found


def neighbour_links(index: np.ndarray) -> sparse.csr_matrix:
    """Return neighbours as CSR of ones (n, n).

    Parameters
    ----------
    index
        (n, k) positions, -1 where missing.
    """
    rows, places = np.nonzero(index >= 0)
    count = len(index)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, index[rows, places])), shape=(count, count))


def other_study_share(links: sparse.csr_matrix, study: np.ndarray) -> float:
    """Return the mean share of a node's neighbours that belong to other studies, in [0, 1].

    Parameters
    ----------
    links
        From :func:`neighbour_links`; nodes without neighbours do not count.
    study
        (n,) study of each node.
    """
    one_hot, code = _one_hot(study)
    count = links @ one_hot
    number = count.sum(axis=1)
    linked = number > 0
    same = count[np.arange(len(code)), code]
    return float((1 - same[linked] / number[linked]).mean()) if linked.any() else np.nan


def study_entropy(links: sparse.csr_matrix, study: np.ndarray) -> float:
    """Return the mean entropy of the studies among a node and its neighbours, 0 (one study) to 1 (even).

    The entropy is divided by the logarithm of the number of studies; NaN for a single study. Parameters as in
    :func:`other_study_share`.
    """
    one_hot, _ = _one_hot(study)
    linked = np.diff(links.indptr) > 0
    if one_hot.shape[1] < 2 or not linked.any():
        return np.nan
    count = one_hot + links @ one_hot
    share = count / count.sum(axis=1, keepdims=True)
    entropy = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) / np.log(one_hot.shape[1])
    return float(entropy[linked].mean())


def _one_hot(study: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names, code = np.unique(study, return_inverse=True)
    return np.eye(len(names))[code], code
