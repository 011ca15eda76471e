"""A claim with its evidence, and the rules that decide its verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

SUPPORTED = "supported"
UNDECIDED = "cannot be decided here"
LEVEL = 0.05

RULES = (
    "Verdicts follow from the result files by fixed rules. Supported: p ≤ 0.05 against chance, and better "
    "than the best plain baseline, if there is one, with an interval of the difference above zero or a "
    "difference of more than two standard errors. Not better than: chance (p > 0.05), or the baseline (it is "
    "as good, or the difference is within that margin). Cannot be decided here: too few samples, no chance "
    "level, or a larger value without an error of the difference."
)
"""The rules, as the report prints them."""


@dataclass(frozen=True)
class Claim:
    """A claim of the report.

    Parameters
    ----------
    text
        What is claimed.
    evidence, chance, n
        The number that supports it, the same by chance, and over how many of what.
    baseline
        The best plain alternative and its number; empty if there is none to compare.
    verdict
        :data:`SUPPORTED`, :data:`UNDECIDED` or "not better than ...".
    why
        Why it cannot be decided, or what to bear in mind; empty otherwise.
    section
        Name of the section with the details.
    """

    text: str
    evidence: str
    baseline: str
    chance: str
    n: str
    verdict: str
    section: str
    why: str = ""

    @property
    def kind(self) -> str:
        """Return the verdict's kind: supported, not-better or undecided."""
        return {SUPPORTED: "supported", UNDECIDED: "undecided"}.get(self.verdict, "not-better")


def verdict(
    *,
    beats_chance: bool | None,
    baseline: str = "",
    margin: float = math.nan,
    error: float = math.nan,
    low: float = math.nan,
) -> str:
    """Return the verdict of a claim.

    Parameters
    ----------
    beats_chance
        Whether it is better than chance; None if that is unknown.
    baseline
        Name of the best plain baseline; empty if the method has none.
    margin
        How much better it is than the baseline, positive if better.
    error
        Standard error of `margin`; NaN if unknown.
    low
        Lower end of a 95 % interval of `margin`, which is used instead of `error` if it is known.

    Examples
    --------
    >>> verdict(beats_chance=True, baseline="PCA", margin=0.3, low=0.1)
    'supported'
    >>> verdict(beats_chance=True, baseline="PCA", margin=0.3, error=0.2)
    'not better than PCA'
    >>> verdict(beats_chance=True, baseline="PCA", margin=0.3)
    'cannot be decided here'
    """
    if beats_chance is None:
        return UNDECIDED
    if not beats_chance:
        return "not better than chance"
    if not baseline:
        return SUPPORTED
    if not math.isfinite(margin):
        return UNDECIDED
    if math.isfinite(low):
        return SUPPORTED if low > 0 else f"not better than {baseline}"
    if margin <= 0:
        return f"not better than {baseline}"
    if not math.isfinite(error):
        return UNDECIDED
    return SUPPORTED if margin > 2 * error else f"not better than {baseline}"


def by_chance(pvalue: float) -> bool | None:
    """Return whether a p-value excludes chance at 0.05; None if there is no p-value."""
    return bool(pvalue <= LEVEL) if math.isfinite(pvalue) else None
