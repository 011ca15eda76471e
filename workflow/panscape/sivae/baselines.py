"""Linear baselines of siVAE: principal components and Pearson correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.sivae.bins import Bin
from panscape.stats.singular import least_squares


@dataclass(frozen=True)
class Pca:
    """Principal components of a bin's training cells.

    Attributes
    ----------
    loadings
        float32, (F, K): eigenvectors times the components' standard deviations, so that dot products are the
        covariances that K components explain.
    scores
        float32, (n, K): standardised scores of all cells, held-out ones too.
    """

    loadings: np.ndarray
    scores: np.ndarray

    def predict(self) -> np.ndarray:
        """Return the reconstruction of all cells, (n, F)."""
        return self.scores @ self.loadings.T


def pca(bin_: Bin, components: int) -> Pca:
    """Fit principal components to the training cells and project the held-out ones.

    Parameters
    ----------
    bin_
        Scaled expression.
    components
        K; columns beyond the rank of the training cells are 0.
    """
    axes, spread, loadings = _principal(bin_, components)
    scores = np.zeros((len(bin_.inputs), components), np.float32)
    scores[:, : len(spread)] = bin_.scaled.times(axes) / spread
    return Pca(loadings, scores)


def _principal(bin_: Bin, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return axes of the training cells, standard deviations along them, and loadings, (F, components)."""
    axes, squares = bin_.scaled.leading(components)
    spread = np.sqrt(squares)
    loadings = np.zeros((len(axes), components), np.float32)
    loadings[:, : len(spread)] = axes * spread
    return axes, spread, loadings


def pearson(bin_: Bin) -> np.ndarray:
    """Return the correlations of genes over the training cells, (F, F) float32; 0 with a constant gene."""
    train = bin_.inputs[~bin_.test].astype(np.float64)
    train = train - train.mean(axis=0)
    norm = np.sqrt(np.square(train).sum(axis=0))
    train = np.divide(train, norm, out=np.zeros_like(train), where=norm > 1e-9)
    return (train.T @ train).astype(np.float32)


@dataclass(frozen=True)
class Start:
    """Probabilistic PCA (Tipping and Bishop 1999): starting values of a model's linear paths.

    Attributes
    ----------
    loadings
        (F, K).
    project
        (F, K): posterior means of cells are x @ project.
    sd
        (K,): posterior standard deviations of cells.
    noise
        Standard deviation of the observations.
    """

    loadings: np.ndarray
    project: np.ndarray
    sd: np.ndarray
    noise: float


def probabilistic_pca(bin_: Bin, components: int) -> Start:
    """Fit the linear Gaussian model to a bin's training cells, with shrinkage for few cells.

    With many genes and few cells, the variance of a sample component is too large and its axis deviates. Both
    are corrected under the spiked covariance model (Donoho, Gavish and Johnstone 2018): the estimate of the
    true variance l is multiplied by the squared cosine between the axes. Components that noise alone could
    produce start at a tenth of their size.
    """
    loadings = _principal(bin_, components)[2]
    cells = int((~bin_.test).sum())
    used, total = bin_.scaled.variance()
    variance = np.square(loadings, dtype=np.float64).sum(axis=0)
    noise = max((total - variance.sum()) / max(used - components, 1), 1e-4)
    ratio = used / cells
    # sample variance = (1 + l) (1 + ratio / l), in units of the noise, solved for l
    middle = variance / noise - 1 - ratio
    seen = middle > 2 * np.sqrt(ratio)
    spike = (middle + np.sqrt(np.maximum(middle**2 - 4 * ratio, 0))) / 2
    spike = np.where(seen, spike, 1)
    cosine = np.where(seen, (1 - ratio / spike**2) / (1 + ratio / spike), 0)
    size = np.where(seen, np.sqrt(noise * spike * cosine), 0.1 * np.sqrt(np.maximum(variance - noise, 0)))
    axes = loadings / np.sqrt(np.where(variance > 0, variance, 1))
    expected = size**2 + noise
    return Start(axes * size, axes * (size / expected), np.sqrt(noise / expected), float(np.sqrt(noise)))


def as_rates(start: Start, bin_: Bin) -> Start:
    """Return a start for counts, whose loadings are slopes of log rates regressed on the cells' scores."""
    counts = bin_.values[~bin_.test].astype(np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    rates = np.log1p(counts / np.maximum(totals, 1) * np.median(totals))
    scores = bin_.inputs[~bin_.test] @ start.project
    slopes = least_squares(scores, rates - rates.mean(axis=0)).T
    alive = np.abs(start.loadings).max(axis=0) > 0.1 * np.abs(start.loadings).max()
    return Start(slopes * alive, start.project, start.sd, start.noise)
