"""Mixture of two kinds of links: those that hold within cell types, and those that share only the types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FALSE, TRUE = 2.0, 18.0  # beta prior of the fraction that shares only types, mean .1: a weight of 20 pairs
FACTOR, FACTOR_SD = np.log(2.0), 1.0  # prior of log ratio of a link's correlation to the spread of others
SPREAD, SPREAD_SD = -0.7, 1.0  # prior of the log variance of links about it


@dataclass(frozen=True)
class Evidence:
    """Correlations of pairs within clusters.

    Attributes
    ----------
    value
        Correlation within clusters, in the direction of the whole correlation.
    least
        The least value with which the pair would have been called, at most `value`; -inf where pairs are
        looked at whether or not they are called.
    signal
        Standard deviation of such correlations of unlinked pairs with as much signal, without noise.
    noise
        Standard deviation by noise.
    """

    value: np.ndarray
    least: np.ndarray
    signal: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class Kinds:
    """The mixture of both kinds of links.

    Attributes
    ----------
    odds
        Log odds that a called pair shares only types.
    factor
        Log ratio of a link's mean correlation to the spread of unlinked ones.
    spread
        Log variance of links about their mean, in variances of unlinked pairs.
    """

    odds: float
    factor: float
    spread: float


@dataclass(frozen=True)
class Support:
    """What correlations within clusters tell of pairs, whether or not they are called.

    Attributes
    ----------
    ratio
        Log of how much likelier the correlation is for a link (:func:`support`), (pairs,); 0 for pairs of
        genes without a called one.
    only
        Fraction of the pairs of genes that have a called one that share only cell types.
    """

    ratio: np.ndarray
    only: float


def fitted(evidence: Evidence) -> Kinds:
    """Fit the mixture to called pairs.

    Two normal distributions are fitted to the standardised correlations t. Pairs that share only types have
    mean 0 and variance 1. Links have a mean that grows with the signal that gene and peak have within
    clusters, and a variance of their own. Both are truncated where the pair would not have been called,
    because a pair that is called by its types alone exceeds the limit more often if its correlation within
    them is positive by chance. Where gene or peak hardly vary within clusters the distributions coincide, and
    the probability is the fraction of such pairs, whose prior is one in ten.

    Parameters
    ----------
    evidence
        Correlations of the called pairs.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> value = np.concatenate([random.normal(0.6, 0.1, 80), random.normal(0, 0.3, 40)])
    >>> every = np.ones(120)
    >>> evidence = Evidence(value, -every, 0.25 * every, 0.15 * every)
    >>> found = type_only(evidence, fitted(evidence))
    >>> bool(found[:80].mean() < 0.2 < 0.6 < found[80:].mean())
    True
    """
    from scipy.optimize import minimize

    def loss(x: np.ndarray) -> float:
        yes, no = -np.logaddexp(0, -x[0]), -np.logaddexp(0, x[0])
        linked, only = _log_densities(evidence, *x[1:])
        fit = np.logaddexp(yes + only, no + linked).sum()
        prior = (FALSE - 1) * yes + (TRUE - 1) * no
        prior -= 0.5 * ((x[1] - FACTOR) / FACTOR_SD) ** 2 + 0.5 * ((x[2] - SPREAD) / SPREAD_SD) ** 2
        return -(fit + prior)

    starts = [minimize(loss, [odds, FACTOR, SPREAD], method="Nelder-Mead") for odds in (-2.0, 0.0)]
    return Kinds(*map(float, min(starts, key=lambda found: found.fun).x))


def support(evidence: Evidence, kinds: Kinds) -> np.ndarray:
    """Return how much likelier correlations within clusters are for links than for pairs that share types.

    Parameters
    ----------
    evidence
        Correlations of any pairs; `least` is -inf for pairs that need not have been called.
    kinds
        From :func:`fitted`.

    Returns
    -------
    float64 (pairs,): natural logarithm of the ratio of their densities.
    """
    linked, only = _log_densities(evidence, kinds.factor, kinds.spread)
    return linked - only


def type_only(evidence: Evidence, kinds: Kinds) -> np.ndarray:
    """Return the probability that a called pair shares only cell types.

    Parameters
    ----------
    evidence
        Correlations of the called pairs.
    kinds
        From :func:`fitted`.

    Returns
    -------
    float64 (pairs,).
    """
    return 1 / (1 + np.exp(support(evidence, kinds) - kinds.odds))


def _log_densities(evidence: Evidence, factor: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Return log densities of the standardised correlations of links, and of pairs that share only types."""
    from scipy.stats import norm

    scale = np.hypot(evidence.signal, evidence.noise)
    t, least, pull = evidence.value / scale, evidence.least / scale, evidence.signal / scale
    middle, sd = np.exp(factor) * pull, np.exp(0.5 * spread)
    linked = norm.logpdf(t, middle, sd) - norm.logsf(least, middle, sd)
    return linked, norm.logpdf(t) - norm.logsf(least)


def kept(probability: np.ndarray, rate: float) -> np.ndarray:
    """Return which pairs to keep so that on average at most a fraction of them share only types.

    Parameters
    ----------
    probability
        Of each pair, from :func:`type_only`.
    rate
        The largest mean probability of the kept pairs.

    Examples
    --------
    >>> kept(np.array([0.9, 0.01, 0.25, 0.04]), 0.1).tolist()
    [False, True, True, True]
    """
    order = np.argsort(probability, kind="stable")
    mean = np.cumsum(probability[order]) / np.arange(1, len(order) + 1)
    result = np.zeros(len(order), dtype=bool)
    result[order[mean <= rate]] = True
    return result
