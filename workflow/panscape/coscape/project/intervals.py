"""Conformal intervals from the errors of leave-one-study-out prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.coscape.project.kriging import krige

LOG_SPAN = 4.0
"""Positive values that span more than this factor are predicted on a logarithmic scale."""
NEAREST = 19
"""Left-out panclusters that an interval rests on; rank 18 of 19 is an exact 90 % quantile."""
_OUTER = 0.05  # fraction of the reference's values at each end that counts as its edge


@dataclass(frozen=True)
class Scale:
    """Scale on which a value is predicted.

    Attributes
    ----------
    log
        Whether it is logarithmic.
    lowest
        Lower bound of predictions: 0 where no value is negative.

    Examples
    --------
    >>> Scale.of(np.array([1.0, 100.0])).log
    True
    """

    log: bool
    lowest: float

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
        """Choose the scale for finite values."""
        low, high = float(values.min()), float(values.max())
        return cls(low > 0 and high > LOG_SPAN * low, 0.0 if low >= 0 else -np.inf)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Transform values to the scale."""
        return np.log(values) if self.log else np.asarray(values, dtype=float)

    def back(self, values: np.ndarray) -> np.ndarray:
        """Transform values back to the original unit."""
        return np.exp(values) if self.log else np.maximum(values, self.lowest)


@dataclass(frozen=True)
class LeftOut:
    """Leave-one-study-out predictions of the reference's panclusters.

    Attributes
    ----------
    value, truth
        (n,) predicted and true value on the scale of the prediction.
    sd
        (n,) see :func:`panscape.coscape.project.kriging.krige`.
    low, high
        (n,) range of the true values of the other studies.
    study
        (n,) study of each.
    """

    value: np.ndarray
    truth: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    study: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Return (n,) absolute errors."""
        return np.abs(self.value - self.truth)

    @property
    def covered(self) -> np.ndarray:
        """Return (n,) bool: whether the true value lies within the range of the other studies."""
        return (self.low <= self.truth) & (self.truth <= self.high)


def leave_studies_out(similarity: np.ndarray, values: np.ndarray, study: np.ndarray) -> LeftOut:
    """Predict the values of the reference, leaving out each of its studies in turn.

    Parameters
    ----------
    similarity
        (N, N) kernel.
    values
        (N,) finite, on the scale of the prediction.
    study
        (N,) labels; with a single label the result is empty.
    """
    study = np.asarray(study)
    parts: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    names = sorted(set(study))
    for name in names if len(names) > 1 else []:
        out, rest = np.flatnonzero(study == name), np.flatnonzero(study != name)
        value, sd = krige(similarity[np.ix_(rest, rest)], values[rest], similarity[np.ix_(out, rest)])
        low, high = (np.full(len(out), end(values[rest])) for end in (np.min, np.max))
        parts.append(np.stack([value, values[out], sd, low, high]))
        labels.append(study[out])
    value, truth, sd, low, high = np.concatenate(parts, axis=1) if parts else np.empty((5, 0))
    return LeftOut(value, truth, sd, low, high, np.concatenate(labels) if labels else study[:0])


def min_errors(coverage: float) -> int:
    """Return the minimum number of errors for a quantile of this coverage."""
    return int(np.ceil(coverage / (1 - coverage) - 1e-9))


def local_quantile(error: np.ndarray, sd: np.ndarray, at: np.ndarray, coverage: float) -> np.ndarray:
    """Return the conformal quantile of the errors of predictions of similar difficulty.

    Parameters
    ----------
    error, sd
        (n,) absolute errors and the posterior standard deviations of these predictions.
    at
        (M,) posterior standard deviations of new predictions.
    coverage
        In (0, 1).

    Returns
    -------
    (M,): the error of rank ceil((number + 1) * coverage) among the :data:`NEAREST` errors of closest sd (in
    ratio), scaled up in proportion if the new sd exceeds all of theirs; NaN if there are fewer errors than
    :func:`min_errors`.
    """
    required = min_errors(coverage)
    if len(error) < required:
        return np.full(len(at), np.nan)
    count = min(max(NEAREST, required), len(error))
    rank = min(int(np.ceil((count + 1) * coverage - 1e-9)), count)
    distance = np.abs(np.log(sd)[None, :] - np.log(at)[:, None])
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :count]
    beyond = np.maximum(at / sd[nearest].max(axis=1), 1)
    return np.sort(error[nearest], axis=1)[:, rank - 1] * beyond


def half_widths(left: LeftOut, sd: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the half-widths of intervals, and the possible distance of true values beyond the reference.

    Errors within a study are correlated, so a new study may be predicted worse than the reference's studies
    on average. The intervals are therefore as wide as the worst left-out study requires.

    Parameters
    ----------
    left
        Leave-one-study-out predictions of the reference.
    sd
        (M,) of the new predictions.
    coverage
        Coverage of new panclusters whose true value the reference covers.

    Returns
    -------
    half
        (M,), from left-out panclusters whose true value the other studies cover, or from all if these are
        too few; NaN if there are not enough.
    reach
        (M,), the same from all left-out panclusters.
    """
    inside = left.covered if left.covered.sum() >= min_errors(coverage) else np.ones(len(left.sd), dtype=bool)
    half = _of_the_worst(left, inside, sd, coverage)
    # over all studies: the worst study would flag half of the panclusters within the reference
    return half, np.fmax(local_quantile(left.error, left.sd, sd, coverage), half)


def _of_the_worst(left: LeftOut, chosen: np.ndarray, sd: np.ndarray, coverage: float) -> np.ndarray:
    """Return the largest :func:`local_quantile`: of all chosen errors, and of each study with enough."""
    widest = local_quantile(left.error[chosen], left.sd[chosen], sd, coverage)
    for name in sorted(set(left.study)):
        of_study = chosen & (left.study == name)
        if of_study.sum() >= min_errors(coverage):
            widest = np.fmax(widest, local_quantile(left.error[of_study], left.sd[of_study], sd, coverage))
    return widest


def interval_bounds(value: np.ndarray, reach: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the end of the reference's range at which a prediction lies: ``""``, low, high or both.

    An end is reached if it lies within `reach` of the prediction, so that true values beyond it could give
    the same prediction, or if the prediction is among the lowest or highest 5 % of the reference's values.
    NaN reaches no end.

    Parameters
    ----------
    value, reach
        (M,).
    known
        (N,) values of the reference, finite.
    """
    ends = np.quantile(known, [_OUTER, 1 - _OUTER])
    low = (value < ends[0]) | (value - reach < known.min())
    high = (value > ends[1]) | (value + reach > known.max())
    return np.select([low & high, low, high], ["both", "low", "high"], "").astype(object)
