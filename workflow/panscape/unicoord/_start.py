"""Where training starts: the linear model that an autoencoder with these coordinates generalises."""

from __future__ import annotations

import numpy as np
import torch

from panscape import seeds
from panscape.log import logger
from panscape.unicoord._module import Network

_LEAST_SD = 1e-3  # a gene that hardly varies must not be blown up
_FIRST = 3.0  # standard deviation of the first principal component as the encoder sees it


def principal_axes(
    x: np.ndarray, count: int, power: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the encoder projects cells on.

    Genes are centred, divided by a power of their standard deviation and clipped at 10; components are scaled
    to the square root of their standard deviation, which lies between principal components as they are and
    whitened ones.

    Parameters
    ----------
    x
        (n, G) normalised expression of training cells.
    count
        Number of components.
    power
        0 leaves genes as they are, 1 standardises them.
    seed
        Of the randomised decomposition.

    Returns
    -------
    Mean (G,), scale (G,) and axes (G, count).
    """
    from sklearn.utils.extmath import randomized_svd

    mean = x.mean(axis=0, dtype=np.float64)
    scale = (x.std(axis=0, dtype=np.float64) + _LEAST_SD) ** power
    standard = np.clip((x - mean.astype(np.float32)) / scale.astype(np.float32), -10, 10)
    _, values, axes = randomized_svd(standard, count, n_iter=3, random_state=seeds.derive(seed, "axes"))
    sd = np.maximum(values / np.sqrt(len(x)), 1e-6)
    return mean, scale, (axes / np.sqrt(sd * sd[0])[:, None] * _FIRST).T


def _regress(labels: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return intercept and coefficients of y on labels; the penalty is worth one cell: codes may sum to 1."""
    mean, low = labels.mean(axis=0), y.mean(axis=0, dtype=np.float64)
    centred = labels - mean
    gram = centred.T @ centred + np.eye(labels.shape[1])
    slope = np.linalg.solve(gram, centred.T @ (y - low)) if labels.shape[1] else np.zeros((0, y.shape[1]))
    return low - mean @ slope, slope


@torch.no_grad()
def start(network: Network, x: np.ndarray, labels: np.ndarray, given: np.ndarray, seed: int) -> None:
    """Set a network's constants and, if it projects, its weights to the linear optimum.

    Expression is regressed on the labels, then probabilistic principal components of the residuals (within
    the encoder's components) become the unsupervised coordinates: their posterior means and variances and the
    decoder's loadings are those of the linear model, so training only has to bend it.

    Parameters
    ----------
    network
        Changed in place.
    x
        (n, G) normalised expression of training cells (a sample is enough).
    labels, given
        (n, labels) codes and whether they are known.
    seed
        Of the decomposition.
    """
    settings = network.settings
    if not network.projecting:
        network.centre.copy_(torch.from_numpy(x.mean(axis=0)))
        return
    mean, scale, axes = principal_axes(x, network.axes.shape[1], settings.scale_power, seed)
    for name, value in (("centre", mean), ("scale", scale), ("axes", axes)):
        getattr(network, name).copy_(torch.from_numpy(value))
    features = network.features(torch.from_numpy(x)).double().numpy()
    filled = np.where(given, labels, (labels * given).sum(axis=0) / np.maximum(given.sum(axis=0), 1))
    base, effect = _regress(filled.astype(np.float64), x)
    residual = x - (base + filled @ effect).astype(np.float32)
    used = filled if settings.conditional else filled[:, :0]
    offset, slope = _regress(used.astype(np.float64), features)
    rest = features - offset - used @ slope
    q, triangle = np.linalg.qr(rest)
    left, singular, right = np.linalg.svd(q.T.astype(np.float32) @ residual, full_matrices=False)
    n, k = len(x), network.continuous
    variance = singular[:k].astype(np.float64) ** 2 / n
    total = float((residual.astype(np.float64) ** 2).sum() / n)
    noise = max((total - variance.sum()) / x.shape[1], 1e-6)
    variance = np.maximum(variance, 1.01 * noise)
    share = np.sqrt(1 - noise / variance)
    logger.info("linear start: %.3g of the variance left to noise", noise * x.shape[1] / max(total, 1e-12))
    network.noise.fill_(noise)
    encode = np.linalg.pinv(triangle) @ left[:, :k] * np.sqrt(n) * share
    _set_posterior(network, encode, offset, slope, noise / variance)
    hidden = settings.decoder_hidden[-1]
    weights = np.vstack([effect, (np.sqrt(variance) * share)[:, None] * right[:k]])
    network.last.weight[:, hidden : hidden + len(weights)] = torch.from_numpy(weights.T).float()
    network.last.bias.copy_(torch.from_numpy(base - mean))


def _set_posterior(network: Network, encode, offset, slope, variance) -> None:
    k, width = network.continuous, network.axes.shape[1]
    direct = network.direct
    direct.weight[: 2 * k] = 0
    direct.weight[:k, :width] = torch.from_numpy(encode.T).float()
    if network.settings.conditional:
        direct.weight[:k, width:] = torch.from_numpy(-(slope @ encode).T).float()
    direct.bias[:k] = torch.from_numpy(-(offset @ encode)).float()
    direct.bias[k : 2 * k] = torch.from_numpy(np.log(variance)).float()
