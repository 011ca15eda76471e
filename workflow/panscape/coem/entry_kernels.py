"""Compiled loops over the entries of a mini-batch that are not 0, for the CPU."""

from __future__ import annotations

from math import lgamma, log

import numpy as np

from panscape.stats.compiled import compiled

FEW = 16  # counts up to here are summed unit by unit
ENOUGH = 8.0  # from here on the asymptotic series of the digamma function is exact to 1e-10


@compiled(nogil=True)
def add_by_column(row, column, value, gradient, total):
    """Add rows of `gradient`, times the values of entries, to the rows of `total` that the entries name.

    Parameters
    ----------
    row, column, value
        Entries: row of `gradient`, row of `total` (int64) and factor (float32).
    gradient
        Float32, cells x outputs.
    total
        Float32, features x outputs; changed in place.
    """
    for entry in range(len(row)):
        of, to, factor = row[entry], column[entry], value[entry]
        for output in range(gradient.shape[1]):
            total[to, output] += factor * gradient[of, output]


@compiled(nogil=True)
def negative_binomial_counts(row, column, value, logits, level, log_theta, excess):
    """Return what counts that are not 0 add to the negative binomial's log-likelihood.

    For a count x of mean m and inverse dispersion t: x log(m / (m + t)) + lgamma(x + t) - lgamma(t) -
    lgamma(x + 1). The other part, t log(t / (m + t)), is the log-likelihood of a count of 0.

    Parameters
    ----------
    row, column, value
        Cell, feature (int64) and count (float32) of each entry.
    logits, level
        Log m is `logits` (cells x features) plus the cell's `level` (cells,); float32.
    log_theta
        Log t of each feature, float32.
    excess
        log(1 + m / t), float32, cells x features.

    Returns
    -------
    Sum of each cell, float64 (cells,); and of each entry the derivative of lgamma(x + t) - lgamma(t) by
    log t, float32.
    """
    by_cell, thetas = np.zeros(len(level)), np.exp(log_theta.astype(np.float64))
    slope = np.empty(len(row), np.float32)
    for entry in range(len(row)):
        cell, feature, count = row[entry], column[entry], float(value[entry])
        if count == 0.0:  # as where counts stay on the device
            slope[entry] = 0.0
            continue
        theta = thetas[feature]
        # most counts are 1
        rising, rate = float(log_theta[feature]), 1.0 / theta
        if count <= FEW:
            for unit in range(1, int(count)):
                rising += log((theta + unit) / (unit + 1.0))
                rate += 1.0 / (theta + unit)
        else:
            rate = 0.0
            rising = lgamma(count + theta) - lgamma(theta) - lgamma(count + 1.0)
            # digamma(count + theta) - digamma(theta)
            for which in range(2):
                sign, at = (1.0, count + theta) if which == 0 else (-1.0, theta)
                while at < ENOUGH:
                    rate -= sign / at
                    at += 1.0
                square = 1.0 / (at * at)
                series = square * (1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square / 240)))
                rate += sign * (log(at) - 0.5 / at - series)
        log_odds = float(logits[cell, feature]) + level[cell] - log_theta[feature] - excess[cell, feature]
        by_cell[cell] += count * log_odds + rising
        slope[entry] = theta * rate
    return by_cell, slope


@compiled(nogil=True)
def negative_binomial_gradients(row, column, value, slope, part, upstream, by_logit, by_theta):
    """Add the gradients of :func:`negative_binomial_counts`.

    Parameters
    ----------
    row, column, value, slope
        Entries, and what that function returned of them.
    part
        m / (m + t), float32, cells x features.
    upstream
        Gradient of each cell's log-likelihood, float32 (cells,).
    by_logit, by_theta
        Gradients by log m (cells x features) and log t (features,), float32; changed in place.
    """
    for entry in range(len(row)):
        cell, feature = row[entry], column[entry]
        pull = upstream[cell] * value[entry] * (np.float32(1) - part[cell, feature])
        by_logit[cell, feature] += pull
        by_theta[feature] += upstream[cell] * slope[entry] - pull
