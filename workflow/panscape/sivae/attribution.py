"""Attribution of expected gene expression to the dimensions of the cell embedding.

The decoder is a chain of linear layers and ReLUs, so the attributions of all genes to one dimension are
computed by a forward pass of that dimension's column: with the ReLUs' slopes at the cell (saliency, gradient
times input, and their mean along a path: integrated gradients), or with their slopes between the baseline and
the cell (DeepLIFT's rescale rule). The baseline is the prior's mean, 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from panscape.stats.decomposition import symmetric_eigen
from panscape.stats.ranks import spearman

METHODS = ("saliency", "grad_input", "deeplift", "integrated_gradients")


@dataclass(frozen=True)
class Decoder:
    """Decoder of one model, from a cell's embedding to the mean of every gene (before a softmax).

    Parameters
    ----------
    layers
        (weight (inputs, outputs), bias (outputs,), ReLU after it?) in order.
    weights
        (F, H): weights of the genes on the last layer.
    bias
        (F,).
    direct
        (F, K): weights of the genes on the embedding itself, where it is part of the last layer, or None.
    """

    layers: list[tuple[np.ndarray, np.ndarray, bool]]
    weights: np.ndarray
    bias: np.ndarray
    direct: np.ndarray | None = None

    def trace(self, z: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the genes' means (n, F) at embeddings z (n, K), and the values before every ReLU."""
        before, x = [], z
        for weight, bias, relu in self.layers:
            x = x @ weight + bias
            if relu:
                before.append(x)
                x = np.maximum(x, 0)
        mean = x @ self.weights.T + self.bias
        return (mean if self.direct is None else mean + z @ self.direct.T), before

    def push(self, dimension: int, slopes: list[np.ndarray], n: int) -> np.ndarray:
        """Return the gradients of all genes to one dimension of z, (n, F), given the ReLUs' slopes.

        Parameters
        ----------
        dimension
            Which of K.
        slopes
            Slopes of the ReLUs, one array (n, width) per layer with a ReLU.
        n
            Number of cells.
        """
        latent = self.layers[0][0].shape[0] if self.layers else self.weights.shape[1]
        column = np.zeros((n, latent))
        column[:, dimension] = 1
        remaining, x = iter(slopes), column
        for weight, _, relu in self.layers:
            x = x @ weight
            if relu:
                x = x * next(remaining)
        multipliers = x @ self.weights.T
        return multipliers if self.direct is None else multipliers + self.direct[:, dimension]

    def gradient_slopes(self, z: np.ndarray) -> list[np.ndarray]:
        """Return the slopes of the ReLUs at z."""
        return [(value > 0).astype(float) for value in self.trace(z)[1]]

    def rescale_slopes(self, z: np.ndarray) -> list[np.ndarray]:
        """Return the slopes of the ReLUs between the baseline and z."""
        slopes = []
        start = self.trace(np.zeros((1, z.shape[1])))[1]
        for value, base in zip(self.trace(z)[1], start, strict=True):
            change = value - base
            rise = np.maximum(value, 0) - np.maximum(base, 0)
            steep = np.abs(change) > 1e-9
            slopes.append(np.where(steep, rise / np.where(steep, change, 1), value > 0))
        return slopes


def attributions(decoder: Decoder, z: np.ndarray, dimension: int, points: int = 20) -> dict[str, np.ndarray]:
    """Return the attribution of every gene's mean to one dimension in every cell.

    Parameters
    ----------
    decoder
        Decoder of one model.
    z
        (n, K): the cells' embeddings.
    dimension
        Which of K.
    points
        Number of points of the path of integrated gradients.

    Returns
    -------
    Name of the method -> (n, F). ``saliency`` is the absolute gradient; the others keep the sign. The
    ``deeplift`` attributions of all dimensions sum to the mean at z minus that at the baseline.
    """
    z = np.asarray(z, dtype=float)
    n, coordinate = len(z), z[:, dimension, None]
    gradient = decoder.push(dimension, decoder.gradient_slopes(z), n)
    path = [decoder.gradient_slopes(z * (step + 0.5) / points) for step in range(points)]
    mean = [np.mean(layers, axis=0) for layers in zip(*path, strict=True)]
    # slopes of a single ReLU layer can be averaged before the pass; with several layers only products can
    if len(mean) > 1:
        integrated = np.mean([decoder.push(dimension, slopes, n) for slopes in path], axis=0)
    else:
        integrated = decoder.push(dimension, mean, n)
    return {
        "saliency": np.abs(gradient),
        "grad_input": gradient * coordinate,
        "deeplift": decoder.push(dimension, decoder.rescale_slopes(z), n) * coordinate,
        "integrated_gradients": integrated * coordinate,
    }


def leading_genes(values: np.ndarray) -> np.ndarray:
    """Return the genes' weights on the first principal component of attributions (n, F) -> (F,)."""
    centred = values - values.mean(axis=0)
    if len(centred) < centred.shape[1]:
        return centred.T @ symmetric_eigen(centred @ centred.T, 1)[1][:, 0]
    return symmetric_eigen(centred.T @ centred, 1)[1][:, 0]


def agreement(
    decoder: Decoder, z: np.ndarray, loadings: np.ndarray, measure: Callable | None = None
) -> list[dict[str, float]]:
    """Compare each dimension's loadings with the attributions of the non-linear decoder.

    Parameters
    ----------
    decoder, z
        See :func:`attributions`.
    loadings
        (F, K): the genes' embedding.
    measure
        Similarity of two vectors; None takes the absolute Spearman correlation.

    Returns
    -------
    A row per dimension: dimension, spread (standard deviation of the loadings), active (spread above .3 of
    the largest), and per method the agreement of the loadings with the first principal component, over cells,
    of the attributions (1: loadings describe the decoder).
    """
    measure = measure or (lambda a, b: abs(spearman(a, b)))
    spread = loadings.std(axis=0)
    rows = []
    for dimension in range(loadings.shape[1]):
        values = attributions(decoder, z, dimension)
        rows.append(
            {
                "dimension": dimension,
                "spread": float(spread[dimension]),
                "active": bool(spread[dimension] > 0.3 * spread.max()),
                **{name: measure(leading_genes(values[name]), loadings[:, dimension]) for name in METHODS},
            }
        )
    return rows
