"""Confidence of predictions: calibrated probabilities, intervals and nonconformity scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from panscape.log import logger
from panscape.stats.decomposition import symmetric_eigen
from panscape.unicoord.calibrate import conformal_pvalue, fit_temperature, unknown_threshold
from panscape.unicoord.labels import Layout
from panscape.unicoord.targets import Targets

_MIN_CELLS = 20  # labelled validation cells needed for calibration
_TEMPERATURES = (0.4, 10.0)  # bounds: if all of a few cells are predicted correctly, the optimum is 0
_COVERAGE = 0.9  # coverage of the prediction intervals
_RIDGE = 1e-3  # fraction of the mean variance added to the covariance, which keeps it invertible


@dataclass(frozen=True)
class Nonconformity:
    """Nonconformity of cells to the classes of a label.

    Attributes
    ----------
    centres
        (K, F) means of the classes' training cells; one row of all cells for a label without classes.
    whiten
        (F, F) that turns the covariance within classes into the identity.
    scale
        (4,) mean and standard deviation, over validation cells, of the logarithms of distance and of doubt.
    reference
        Sorted scores of validation cells.
    threshold
        Score above which a cell is called unknown.
    """

    centres: np.ndarray
    whiten: np.ndarray
    scale: np.ndarray
    reference: np.ndarray
    threshold: float

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return the squared Mahalanobis distance to the nearest class."""
        x, centres = features @ self.whiten, self.centres @ self.whiten
        apart = (x**2).sum(axis=1)[:, None] - 2 * x @ centres.T + (centres**2).sum(axis=1)
        return np.maximum(apart.min(axis=1), 1e-12)

    def raw(self, features: np.ndarray, probability: np.ndarray | None) -> np.ndarray:
        """Return the sum of the standardised distance and doubt (1 - highest probability), each at least 0.

        Values below the mean count as 0, so that a confident prediction does not offset a large distance.
        """
        far, unsure = _logs(self.distance(features), probability)
        score = np.maximum((far - self.scale[0]) / self.scale[1], 0)
        return score + np.maximum((unsure - self.scale[2]) / self.scale[3], 0)

    def score(self, features: np.ndarray, probability: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the fraction of known cells with a lower score (0 to 1), and whether a cell is unknown."""
        raw = self.raw(features, probability)
        return 1 - conformal_pvalue(raw, self.reference), raw > self.threshold


def _logs(distance: np.ndarray, probability: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    doubt = np.zeros(len(distance)) if probability is None else 1 - probability.max(axis=1)
    return np.log(distance), np.log(doubt + 1e-3)


@dataclass(frozen=True)
class Confidence:
    """Calibration: temperatures of discrete labels, interval half widths of the others, nonconformity."""

    temperature: Mapping[str, float]
    width: Mapping[str, float]
    nonconformity: Mapping[str, Nonconformity]


def tempered(probability: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (n, K) at another temperature."""
    logits = np.log(np.maximum(probability.astype(np.float64), 1e-12)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    share = np.exp(logits)
    return share / share.sum(axis=1, keepdims=True)


def calibrate(
    layout: Layout,
    train: tuple[np.ndarray, Targets],
    validation: tuple[np.ndarray, np.ndarray, Targets],
    unknown_fraction: float,
) -> Confidence:
    """Calibrate predictions on validation cells.

    Parameters
    ----------
    layout
        The labels.
    train
        Features (n, F) and labels of training cells, for the classes' means and covariance.
    validation
        Features, predictions (labels' code: values and probabilities) and labels of validation cells.
    unknown_fraction
        Fraction of known cells that may be called unknown.
    """
    features, votes, targets = validation
    temperature, width, nonconformity = {}, {}, {}
    for at, label in enumerate(layout.discrete):
        code, part = targets.codes[:, at], layout.part(label.name)
        there = code >= 0
        temperature[label.name] = 1.0
        if there.sum() >= _MIN_CELLS:
            logits = np.log(np.maximum(votes[there, part], 1e-12))
            temperature[label.name] = float(fit_temperature(logits, code[there], bounds=_TEMPERATURES))
        else:
            logger.warning("label %s: %s validation cells are too few to calibrate", label.name, there.sum())
        probability = tempered(votes[:, part], temperature[label.name])
        nonconformity[label.name] = _nonconformity(
            train[0], train[1].codes[:, at], features[there], probability[there], unknown_fraction
        )
    for at, label in enumerate(layout.values):
        error = np.abs(votes[:, at] - targets.values[:, at])
        error = np.sort(error[np.isfinite(error)])
        rank = int(np.ceil(_COVERAGE * (len(error) + 1)))
        width[label.name] = float(error[rank - 1] * label.sd) if 0 < rank <= len(error) else float("nan")
        there = np.isfinite(targets.values[:, at])
        groups = train[1].codes[:, 0] if layout.discrete else np.zeros(len(train[0]), np.int64)
        nonconformity[label.name] = _nonconformity(train[0], groups, features[there], None, unknown_fraction)
    return Confidence(temperature, width, nonconformity)


def _nonconformity(features, groups, held, probability, unknown_fraction: float) -> Nonconformity:
    kept = groups >= 0
    x, groups = features[kept].astype(np.float64), groups[kept]
    names, code = np.unique(groups, return_inverse=True)
    count = np.bincount(code, minlength=len(names))
    centres = np.zeros((len(names), x.shape[1]))
    np.add.at(centres, code, x)
    centres /= count.clip(1)[:, None]
    within = x - centres[code]
    covariance = within.T @ within / max(len(x) - len(names), 1)
    covariance += np.eye(len(covariance)) * (_RIDGE * np.trace(covariance) / len(covariance) + 1e-12)
    values, vectors = symmetric_eigen(covariance)
    whiten = vectors / np.sqrt(np.maximum(values, 1e-12))
    first = Nonconformity(centres, whiten, np.array([0.0, 1.0, 0.0, 1.0]), np.empty(0), np.inf)
    if len(held) < _MIN_CELLS:
        return first
    far, unsure = _logs(first.distance(held), probability)
    scale = np.array([far.mean(), far.std() + 1e-6, unsure.mean(), unsure.std() + 1e-6])
    scaled = Nonconformity(centres, whiten, scale, np.empty(0), np.inf)
    reference = np.sort(scaled.raw(held, probability))
    return Nonconformity(
        centres, whiten, scale, reference, float(unknown_threshold(reference, unknown_fraction))
    )
