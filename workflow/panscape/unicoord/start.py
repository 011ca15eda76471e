"""Initialisation of training at the optimum of the linear model."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from panscape import seeds
from panscape.log import logger
from panscape.stats.decomposition import signs
from panscape.stats.singular import pseudo_inverse, singular
from panscape.unicoord.module import CLIP, Network
from panscape.unicoord.store import CompressedCounts

_OFFSET_SD = 1e-3  # added to standard deviations, so that genes that hardly vary are not inflated
_FIRST = 3.0  # standard deviation of the first principal component as the encoder sees it
_EXTRA, _PASSES = 10, 4  # of the subspace iteration: oversampling, and number of passes over the cells


def gene_moments(cells: CompressedCounts) -> tuple[np.ndarray, np.ndarray]:
    """Return sums and sums of squares (G,) of the genes' normalised expression."""
    sums, squares = np.zeros(cells.n_genes), np.zeros(cells.n_genes)
    for _, block in cells.blocks():
        sums += np.bincount(block.indices, block.data, cells.n_genes)
        squares += np.bincount(block.indices, block.data.astype(np.float64) ** 2, cells.n_genes)
    return sums, squares


def _scores(block: sparse.csr_matrix, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the cells' standardised expression, which the encoder projects."""
    x = block.toarray()
    x -= mean
    x /= scale
    return np.clip(x, -CLIP, CLIP, out=x)


def principal_axes(
    cells: CompressedCounts, mean: np.ndarray, scale: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Return the axes that the encoder projects cells on.

    Genes are centred, divided by their scale and clipped at 10; components are scaled to the square root of
    their standard deviation, which lies between principal components as they are and whitened ones. The
    components are found by subspace iteration over blocks of cells (Halko, Martinsson and Tropp 2011), so
    that no dense matrix of all cells is needed.

    Parameters
    ----------
    cells
        Training cells.
    mean, scale
        (G,) mean and scale of the genes.
    count
        Number of components.
    seed
        Seed of the initial directions.

    Returns
    -------
    Axes (G, count).
    """
    mean, scale = mean.astype(np.float32), scale.astype(np.float32)
    width = min(count + _EXTRA, cells.n_genes)
    basis = seeds.stream(seed, "axes").standard_normal((cells.n_genes, width))
    for number in range(_PASSES):
        basis = (np.linalg.qr(basis)[0] if number else basis).astype(np.float32)
        product = np.zeros((cells.n_genes, width))
        for _, block in cells.blocks():
            x = _scores(block, mean, scale)
            product += x.T @ (x @ basis)
        basis = product
    axes, squares, _ = singular(basis)
    axes, sd = axes[:, :count], np.maximum(np.sqrt(squares[:count] / len(cells)), 1e-6)
    axes = axes * signs(axes)  # fixes the sign, which is arbitrary
    return axes / np.sqrt(sd * sd[0]) * _FIRST


@torch.no_grad()
def project(network: Network, cells: CompressedCounts) -> np.ndarray:
    """Return the encoder's inputs (n, F)."""
    width = network.axes.shape[1] if network.projecting else cells.n_genes
    features = np.empty((len(cells), width), dtype=np.float32)  # allocated before the temporary arrays
    for part, block in cells.blocks():
        x = torch.from_numpy(block.toarray()).to(network.centre.device)
        features[part] = network.features(x).cpu().numpy()
    return features


def _regress(labels: np.ndarray, sums: np.ndarray, products: np.ndarray):
    """Regress y on labels, from the sums of y (W,) and of labels times y (labels, W).

    A ridge penalty equivalent to one cell keeps the system regular, since codes may sum to 1.

    Returns
    -------
    Intercept (W,), coefficients (labels, W) and the sum of squares around the means that they explain.
    """
    low, mean = sums / len(labels), labels.mean(axis=0)
    centred = labels - mean
    inner, moment = centred.T @ centred, products - np.outer(labels.sum(axis=0), low)
    slope = np.linalg.solve(inner + np.eye(len(inner)), moment) if len(inner) else moment
    explained = float((slope * (2 * moment - inner @ slope)).sum())
    return low - mean @ slope, slope, explained


def _products(weights: np.ndarray, cells: CompressedCounts) -> np.ndarray:
    """Return the cells' weights (n, W) times their expression: (W, G)."""
    products = np.zeros((weights.shape[1], cells.n_genes))
    for part, block in cells.blocks():
        products += (block.T @ weights[part]).T
    return products


@torch.no_grad()
def start(
    network: Network, cells: CompressedCounts, labels: np.ndarray, given: np.ndarray, seed: int
) -> None:
    """Set a network's constants and, if it projects, its weights to the linear optimum.

    Expression is regressed on the labels, then probabilistic principal components of the residuals (within
    the encoder's components) become the unsupervised coordinates: their posterior means and variances and the
    decoder's loadings are those of the linear model, so that training only adds nonlinear effects.

    Parameters
    ----------
    network
        Network, changed in place.
    cells
        Training cells (a sample is enough).
    labels, given
        (n, labels) codes and whether they are known.
    seed
        Seed of the decomposition.
    """
    settings, n = network.settings, len(cells)
    sums, squares = gene_moments(cells)
    mean = sums / n
    network.centre.copy_(torch.from_numpy(mean))
    if not network.projecting:
        return
    _set_axes(network, cells, mean, squares / n - mean**2, seed)
    features = project(network, cells).astype(np.float64)
    filled = np.where(given, labels, (labels * given).sum(axis=0) / np.maximum(given.sum(axis=0), 1))
    filled = filled.astype(np.float64)
    base, effect, explained = _regress(filled, sums, _products(filled, cells))
    used = filled if settings.conditional else filled[:, :0]
    offset, slope, _ = _regress(used, features.sum(axis=0), used.T @ features)
    q, triangle = np.linalg.qr(features - offset - used @ slope)
    rest = _products(q, cells) - np.outer(q.sum(axis=0), base) - (q.T @ filled) @ effect
    left, values, right = singular(rest)
    k = network.continuous
    variance = values[:k] ** 2 / n
    total = float(squares.sum() - n * (mean**2).sum() - explained) / n
    noise = max((total - variance.sum()) / cells.n_genes, 1e-6)
    variance = np.maximum(variance, 1.01 * noise)
    share = np.sqrt(1 - noise / variance)
    logger.info("linear start: %.3g of the variance is noise", noise * cells.n_genes / max(total, 1e-12))
    network.noise.fill_(noise)
    encode = pseudo_inverse(triangle) @ left[:, :k] * np.sqrt(n) * share
    _set_posterior(network, encode, offset, slope, noise / variance)
    hidden = settings.n_hidden_decoder[-1]
    weights = np.vstack([effect, (np.sqrt(variance) * share)[:, None] * right[:k]])
    network.last.weight[:, hidden : hidden + len(weights)] = torch.from_numpy(weights.T).float()
    network.last.bias.copy_(torch.from_numpy(base - mean))


def _set_axes(
    network: Network, cells: CompressedCounts, mean: np.ndarray, variance: np.ndarray, seed: int
) -> None:
    scale = (np.sqrt(np.maximum(variance, 0)) + _OFFSET_SD) ** network.settings.scale_power
    network.scale.copy_(torch.from_numpy(scale))
    axes = principal_axes(cells, mean, scale, network.axes.shape[1], seed)
    network.axes.copy_(torch.from_numpy(axes))


def _set_posterior(network: Network, encode, offset, slope, variance) -> None:
    k, width = network.continuous, network.axes.shape[1]
    direct = network.direct
    direct.weight[: 2 * k] = 0
    direct.weight[:k, :width] = torch.from_numpy(encode.T).float()
    if network.settings.conditional:
        direct.weight[:k, width:] = torch.from_numpy(-(slope @ encode).T).float()
    direct.bias[:k] = torch.from_numpy(-(offset @ encode)).float()
    direct.bias[k : 2 * k] = torch.from_numpy(np.log(variance)).float()
