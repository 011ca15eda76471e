"""Effects of a label on the classes of another one: prediction of those that were not measured."""

from __future__ import annotations

import numpy as np

_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)  # of the mean of the kernel's diagonal


class EffectRidge:
    """Ridge regression of the effects on classes on the classes' states, with the noise of each effect.

    An effect is what all classes share, plus what follows their states, plus what is each class's own, plus
    the noise of a difference of means. Classes are weighted by the inverse of the variance of the last two,
    as in a random-effects meta-analysis: equally where classes differ, by their cells where they do not. The
    penalty is the one with the lowest error of effects that are left out.

    Parameters
    ----------
    states
        (K, G) mean expression of the classes.
    effects
        (K, G) effects on them.
    noise
        (K,) expected squared error of each effect, summed over genes.

    Examples
    --------
    >>> states = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> ridge = EffectRidge(states, 1 + 2 * states, np.full(4, 1e-6))
    >>> ridge(np.array([[4.0]]), 1 + 2 * states).round(1).tolist()
    [[9.0]]
    """

    def __init__(self, states: np.ndarray, effects: np.ndarray, noise: np.ndarray):
        self.states, count = states, len(states)
        self.centre = states.mean(axis=0) if count else np.zeros(states.shape[1])
        kernel = (states - self.centre) @ (states - self.centre).T
        self.scale = max(float(np.trace(kernel)) / max(count, 1), 1e-12)
        self.hat, self.share, self.inverse = (np.zeros((count, count)) for _ in range(3))
        if not count:
            return
        kernel /= self.scale
        variance = np.ones(count)
        self._solve(kernel, 1e6, variance)  # the mean of the effects
        if count > 1:
            spread = (((effects - self.without(effects)) ** 2).sum(axis=1) * (1 - 1 / count) - noise).mean()
            variance = np.maximum(max(spread, 0.0) + noise, 1e-12)
            self._solve(kernel, 1e6, variance / variance.mean())
        if count > 2:
            variance /= variance.mean()
            errors = []
            for penalty in _PENALTIES:
                self._solve(kernel, penalty, variance)
                errors.append((((effects - self.without(effects)) ** 2).sum(axis=1) / variance).sum())
            self._solve(kernel, _PENALTIES[int(np.argmin(errors))], variance)

    def _solve(self, kernel: np.ndarray, penalty: float, variance: np.ndarray) -> None:
        inverse = np.linalg.inv(kernel + penalty * np.diag(variance))
        weight = inverse.sum(axis=0) / inverse.sum()
        count = len(kernel)
        self.share = np.tile(weight, (count, 1))  # the common effect as a mean of effects
        self.inverse = inverse @ (np.eye(count) - self.share)
        self.hat = self.share + kernel @ self.inverse

    def without(self, effects: np.ndarray) -> np.ndarray:
        """Return the prediction of each class from the other classes (K, d), exactly; 0 for one class."""
        if len(effects) < 2:
            return np.zeros_like(effects)
        left = 1 - np.diag(self.hat)[:, None]
        return effects - (effects - self.hat @ effects) / np.maximum(left, 1e-9)

    def __call__(self, states: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Return the effects (M, d) on classes with states (M, G), from effects (K, d) on the known ones."""
        if not len(self.states):
            return np.zeros((len(states), effects.shape[1]))
        near = (states - self.centre) @ (self.states - self.centre).T / self.scale
        return self.share[:1] @ effects + near @ (self.inverse @ effects)


def error_variance(ridge: EffectRidge, effects: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return by how much effects differ from their prediction by the other classes, beyond their own noise.

    Parameters
    ----------
    ridge
        The regression.
    effects, noise
        (K, d) effects on its classes, in any space, and the expected squared error of each.

    Returns
    -------
    (d,) mean squared errors of the predictions, at least 0.
    """
    return np.maximum(((effects - ridge.without(effects)) ** 2 - noise).mean(axis=0), 0.0)
