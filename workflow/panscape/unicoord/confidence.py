"""Confidence of predictions: calibrated probabilities, intervals and nonconformity scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from panscape import seeds
from panscape.log import logger
from panscape.stats.decomposition import symmetric_eigen
from panscape.unicoord.calibrate import (
    clipped_log,
    conformal_pvalue,
    fit_temperature,
    softmax,
    unknown_threshold,
)
from panscape.unicoord.head import Head
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.targets import Targets

_MIN_CELLS = 20  # labelled validation cells needed for calibration
_TEMPERATURES = (0.4, 10.0)  # bounds: if all of a few cells are predicted correctly, the optimum is 0
_COVERAGE = 0.9  # coverage of the prediction intervals
_RIDGE = 1e-3  # fraction of the mean variance added to the covariance, which keeps it invertible
_SHRINK = 200.0  # cells of the pooled covariance in that of a class
_SHRINK_LIMIT = 50.0  # cells of the pooled threshold in that of a class
_CONSTANT = 1e-9  # standard deviations of scores that do not vary but for rounding
_LEAST_DOUBT = 1e-4  # probabilities closer to 1 are equal
_FOLDS = 5  # training cells are measured by classes that were estimated without them


@dataclass(frozen=True)
class Nonconformity:
    """Nonconformity of cells to the classes of a label: distance to the nearest class, and doubt about it.

    Attributes
    ----------
    centres
        (K, F) means of the classes' training cells; one row of all cells for a label without classes.
    whiten
        (K, F, F) that turns the covariance of a class, shrunk towards that within all classes, into identity.
    reference
        Sorted scores of validation cells.
    thresholds
        (K,) scores above which a cell whose nearest class it is is called unknown.
    weights
        (2,) factors of the logarithms of the distance and of the doubt in the score.
    """

    centres: np.ndarray
    whiten: np.ndarray
    reference: np.ndarray
    thresholds: np.ndarray
    weights: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0]))

    def raw(
        self, features: np.ndarray, probability: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores (n,) of cells, and the nearest class of each (n,).

        Parameters
        ----------
        features
            (n, F) of the cells; the squared Mahalanobis distance to the nearest class counts.
        probability
            (n, K) of the classes; one less the largest is the doubt. None leaves it out.
        """
        apart = np.empty((len(features), len(self.centres)))
        for at, (centre, whiten) in enumerate(zip(self.centres, self.whiten, strict=True)):
            apart[:, at] = (((features - centre) @ whiten) ** 2).sum(axis=1)
        nearest = apart.argmin(axis=1)
        score = self.weights[0] * np.log(np.maximum(apart[np.arange(len(apart)), nearest], 1e-12))
        if probability is not None:
            score += self.weights[1] * _doubt(probability)
        return score, nearest

    def judged(self, raw: np.ndarray, nearest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the fraction of known cells with a lower score (0 to 1), and whether a cell is unknown.

        Parameters
        ----------
        raw, nearest
            (n,) scores and classes of :meth:`raw`, the scores less what a batch is more scattered.
        """
        return 1 - conformal_pvalue(raw, self.reference), raw > self.thresholds[nearest]


def _doubt(probability: np.ndarray) -> np.ndarray:
    return np.log(1 - probability.max(axis=1) + _LEAST_DOUBT)


@dataclass(frozen=True)
class Confidence:
    """Calibration: temperatures of discrete labels, interval half widths of the others, nonconformity.

    `heads` has the linear classifiers that vote beside the ensemble.
    """

    temperature: Mapping[str, float]
    width: Mapping[str, float]
    nonconformity: Mapping[str, Nonconformity]
    heads: Mapping[str, Head] = field(default_factory=dict)

    def probability(
        self, layout: Layout, label: LabelInfo, votes: np.ndarray, linear: np.ndarray
    ) -> np.ndarray:
        """Return calibrated probabilities (n, K) of a discrete label.

        Those of a parent are sums of its children's.

        Parameters
        ----------
        layout
            The labels.
        label
            One of them.
        votes, linear
            (n, labels) the ensemble's predictions and the linear logits.
        """
        if label.name in layout.tables:
            child, parents = layout.tables[label.name]
            below = self.probability(layout, layout[child], votes, linear)
            return below @ np.eye(label.width)[list(parents)]
        part = layout.part(label.name)
        logits = _logits(self.heads.get(label.name), votes[:, part], linear[:, part])
        return softmax(logits, self.temperature.get(label.name, 1.0))


def _logits(head: Head | None, votes: np.ndarray, linear: np.ndarray) -> np.ndarray:
    return clipped_log(votes) if head is None else head.logits(votes, linear)


def calibrate(
    layout: Layout,
    train: tuple[np.ndarray, Targets],
    validation: tuple[np.ndarray, np.ndarray, np.ndarray, Targets],
    unknown_fraction: float,
    heads: Mapping[str, Head] | None = None,
    seed: int = 0,
) -> Confidence:
    """Calibrate predictions on validation cells.

    Parameters
    ----------
    layout
        The labels.
    train
        Features (n, F) and labels of training cells, for the classes' means and covariances.
    validation
        Features, predictions (labels' code: values and probabilities), linear logits and labels of validation
        cells.
    unknown_fraction
        Fraction of known cells that may be called unknown.
    heads
        Linear classifiers, weighted already.
    seed
        Seed of the folds.
    """
    features, votes, linear, targets = validation
    heads = heads or {}
    temperature, width, nonconformity = {}, {}, {}
    first: _Classes | None = None  # of the first discrete label, which judge values as well
    for at, label in enumerate(layout.discrete):
        code, part = targets.codes[:, at], layout.part(label.name)
        there = code >= 0
        temperature[label.name] = 1.0
        if there.sum() >= _MIN_CELLS:
            logits = _logits(heads.get(label.name), votes[there, part], linear[there, part])
            temperature[label.name] = float(fit_temperature(logits, code[there], bounds=_TEMPERATURES))
        else:
            logger.warning("label %s: %s validation cells are too few to calibrate", label.name, there.sum())
    calibrated = Confidence(temperature, {}, {}, heads)
    for at, label in enumerate(layout.discrete):
        there = targets.codes[:, at] >= 0
        learned = _Classes.of(train[0], train[1].codes[:, at], unknown_fraction, seed)
        first = learned if at == 0 else first
        share = calibrated.probability(layout, label, votes[there], linear[there])
        nonconformity[label.name] = learned.nonconformity(features[there], unknown_fraction, share)
    for at, label in enumerate(layout.values):
        error = np.abs(votes[:, at] - targets.values[:, at])
        error = np.sort(error[np.isfinite(error)])
        rank = int(np.ceil(_COVERAGE * (len(error) + 1)))
        width[label.name] = float(error[rank - 1] * label.sd) if 0 < rank <= len(error) else float("nan")
        there = np.isfinite(targets.values[:, at])
        if first is None:  # there are no classes
            first = _Classes.of(train[0], np.zeros(len(train[0]), np.int64), unknown_fraction, seed)
        nonconformity[label.name] = first.nonconformity(features[there], unknown_fraction)
    return Confidence(temperature, width, nonconformity, heads)


@dataclass(frozen=True)
class _Classes:
    """Means (K, F), whitening (K, F, F) and relative thresholds (K,) of classes of training cells."""

    centres: np.ndarray
    whiten: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, groups: np.ndarray, unknown_fraction: float, seed: int) -> _Classes:
        kept = groups >= 0
        x, groups = features[kept].astype(np.float64), groups[kept]
        names, code = np.unique(groups, return_inverse=True)
        limits = _class_limits(x, code, len(names), unknown_fraction, seed)
        return cls(*_classes(x, code, len(names)), limits)

    def nonconformity(
        self, held: np.ndarray, unknown_fraction: float, probability: np.ndarray | None = None
    ) -> Nonconformity:
        """Return the nonconformity whose threshold the given fraction of validation cells exceeds.

        Distance and doubt count equally, in standard deviations over validation cells.
        """
        infinite = np.full(len(self.centres), np.inf)
        result = Nonconformity(self.centres, self.whiten, np.empty(0), infinite)
        if len(held) < _MIN_CELLS:
            return result
        distance = result.raw(held)[0]
        spread = [distance.std(), 0.0 if probability is None else _doubt(probability).std()]
        weights = np.array([1 / value if value > _CONSTANT else 0.0 for value in spread])
        result = replace(result, weights=weights)
        score, nearest = result.raw(held, probability)
        limits = self.limits * weights[0]
        least = float(unknown_threshold(score - limits[nearest], unknown_fraction))
        return replace(result, reference=np.sort(score), thresholds=least + limits)


def _classes(x: np.ndarray, code: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return means (K, F) and whitening matrices (K, F, F) of classes; classes without cells are far off."""
    number = np.bincount(code, minlength=count)
    centres = np.zeros((count, x.shape[1]))
    np.add.at(centres, code, x)
    centres /= number.clip(1)[:, None]
    within = x - centres[code]
    pooled = within.T @ within / max(len(x) - (number > 0).sum(), 1)
    pooled += np.eye(len(pooled)) * (_RIDGE * np.trace(pooled) / len(pooled) + 1e-12)
    whiten = np.empty((count, x.shape[1], x.shape[1]))
    for at, n in enumerate(number):
        own = within[code == at]
        covariance = own.T @ own * (n / max(n - 1, 1))
        values, vectors = symmetric_eigen((covariance + _SHRINK * pooled) / (n + _SHRINK))
        whiten[at] = vectors / np.sqrt(np.maximum(values, 1e-12))
    centres[number == 0] = 1e6
    return centres, whiten


def _class_limits(x: np.ndarray, code: np.ndarray, count: int, fraction: float, seed: int) -> np.ndarray:
    """Return by how much the threshold of each class differs from the pooled one (K,).

    From the distances of training cells to their own class, estimated without them; shrunk to 0 for classes
    with few cells. A pooled threshold calls most cells of a heterogeneous rare class unknown.
    """
    fold = seeds.stream(seed, "unicoord", "nonconformity").permutation(len(x)) % _FOLDS
    own = np.empty(len(x))
    for at in range(_FOLDS):
        out = np.flatnonzero(fold == at)
        centres, whiten = _classes(x[fold != at], code[fold != at], count)
        for k in range(count):
            rows = out[code[out] == k]
            own[rows] = (((x[rows] - centres[k]) @ whiten[k]) ** 2).sum(axis=1)
    own = np.log(np.maximum(own, 1e-12))
    level = 1 - fraction
    pooled = np.quantile(own, level)
    number = np.bincount(code, minlength=count)
    limits = np.array([np.quantile(own[code == k], level) if number[k] else pooled for k in range(count)])
    # the distance to a class that a fold does not have is meaningless
    return np.clip(limits - pooled, -3.0, 3.0) * number / (number + _SHRINK_LIMIT)
