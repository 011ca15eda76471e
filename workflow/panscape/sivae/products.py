"""Gaussian terms of the loss from products of the cells' values with few columns, without predictions.

The mean of a batch is a product, mean = A C', of coefficients of the cells A (M, B, R) and columns of the
genes C (M, F, R), where R is about a hundred and F thousands. Therefore

    |x - C a|^2 = |x|^2 - 2 (x C) a + a' (C' C) a,

which takes one product of the size of the batch, x C, and its transpose for the gradient. Predictions
(M, B, F), their differences from the values and the gradients of both, which take most of a step, are never
made. Likelihood and interpretability term share the columns of the embedding and of the bias.
"""

from __future__ import annotations

import torch
from torch import Tensor

from panscape.sivae.module import Sivae
from panscape.sivae.stack import Batch


def by_products(module: Sivae) -> bool:
    """Return whether the terms of a model are computed here: Gaussian noise, one level of it per cell."""
    return module.settings.likelihood == "gaussian" and module.settings.sigma == "cell"


def gaussian_terms(
    module: Sivae, y: Tensor, z: Tensor, v: Tensor | None, batch: Batch, *, linear: bool
) -> tuple[Tensor, Tensor | None]:
    """Return log-likelihood and error of the linear reconstruction of each cell, summed over genes.

    Parameters
    ----------
    module
        Stack of M models.
    y
        Last layer of the cells' decoder, (M, B, H).
    z
        Embeddings of the cells, (M, B, K).
    v
        Embeddings of the genes, (M, F, K); None for free weights.
    batch
        The cells.
    linear
        Whether to return the error of the linear reconstruction, which needs `v`.

    Returns
    -------
    log-likelihood
        (M, B), without its constant, as :meth:`Sivae.likelihood` summed over genes.
    error
        (M, B): squared error of :meth:`Sivae.linear_mean`; None unless `linear`.
    """
    columns, mean, straight = _columns(module, y, z, v, batch.covariates, linear)
    x, size = batch.values, batch.squares
    products, gram = x @ columns, columns.transpose(1, 2) @ columns
    sd = module.noise_sd(y)[..., 0]
    misfit = _misfit(size, products, gram, mean)
    likelihood = -0.5 * misfit / sd.square() - x.shape[2] * sd.log()
    return likelihood, None if straight is None else _misfit(size, products, gram, straight)


def _misfit(size: Tensor, products: Tensor, gram: Tensor, coefficients: Tensor) -> Tensor:
    """Return |x - C a|^2 of every cell, (M, B), from |x|^2, x C, C'C and a."""
    return size + ((coefficients @ gram - 2 * products) * coefficients).sum(2)


def _columns(
    module: Sivae, y: Tensor, z: Tensor, v: Tensor | None, covariates: Tensor, linear: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the genes' columns and the cells' coefficients of the mean and of the linear reconstruction."""
    settings, one = module.settings, torch.ones_like(z[..., :1])
    zero = torch.zeros_like(one)
    if v is None:
        cells, genes, offset = y, module.weights, None
    else:
        cells, genes, offset = module.factors(y, v)
    columns, mean, straight = [genes], [cells], [torch.zeros_like(cells)]
    if linear and v is not None:
        if module.joined or settings.linear:  # the embedding is among the columns already
            straight[0] = torch.cat([torch.zeros_like(cells[..., : -z.shape[2]]), z], dim=2)
        else:
            columns.append(v)
            mean.append(torch.zeros_like(z))
            straight.append(z)
    bias = module.bias.transpose(1, 2)
    columns.append(bias)
    mean.append(one)
    straight.append(one if settings.linear_bias else zero)
    if offset is not None:
        columns.append(torch.ones_like(bias))
        mean.append(offset)
        straight.append(zero)
    if covariates.shape[-1] and hasattr(module, "effects") and (linear or settings.linear):
        columns.append(module.effects.transpose(1, 2))
        mean.append(covariates if settings.linear else torch.zeros_like(covariates))
        straight.append(covariates)
    parts = (columns, mean, straight) if linear else (columns, mean)
    joined = [torch.cat(part, dim=2) for part in parts]
    return joined[0], joined[1], joined[2] if linear else None
