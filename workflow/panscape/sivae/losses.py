"""Loss terms of siVAE: divergence of the genes' posteriors and the interpretability term."""

from __future__ import annotations

from torch import Tensor

from panscape.sivae.module import Sivae
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.stack import Batch
from panscape.training.distributions import negative_binomial, normal_kl


def weighted(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sum over cells, (M,), of values (M, n)."""
    return (values * weight).sum(1)


def gene_divergence(mean: Tensor, sd: Tensor, settings: SivaeSettings, cells: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of the genes' posteriors from their prior, (M,).

    Parameters
    ----------
    mean, sd
        Means and standard deviations of the posteriors, (M, F, K).
    settings
        `gene_prior` and `kl_feature`, the normalisation.
    cells
        Number of training cells of each model, (M,).
    """
    if settings.gene_prior == "relevance":
        # the prior variance of a dimension at its optimum: the mean over genes of E v^2
        variance = (mean.square() + sd.square()).mean(1)
        divergence = (0.5 * variance.log()[:, None] - sd.log()).sum((1, 2))
    else:
        divergence = normal_kl(mean, sd).sum((1, 2))
    if settings.kl_feature == "mean":
        return divergence / mean.shape[1]
    return divergence / cells


def interpretability(module: Sivae, z: Tensor, v: Tensor, batch: Batch, weight: Tensor) -> Tensor:
    """Return the error of the linear reconstruction, summed over genes and averaged over cells, (M,).

    Equation 13 of Choi, Li and Quon (2023); with the likelihood ``"nb"`` minus the log-likelihood.

    Parameters
    ----------
    module
        Stack of M models.
    z
        Embeddings of the cells, (M, n, K).
    v
        Embeddings of the genes, (M, F, K).
    batch
        The cells.
    weight
        Weights of the cells, (M, n), which sum to 1 in each model.
    """
    mean = module.linear_mean(z, v, batch.library, batch.covariates)
    if module.settings.likelihood == "nb":
        return weighted(-negative_binomial(batch.values, mean, module.dispersion.exp()).sum(2), weight)
    return squared_error(weighted((batch.values - mean).square().sum(2), weight), module.settings)


def squared_error(error: Tensor, settings: SivaeSettings) -> Tensor:
    """Return the interpretability term of a squared error: the error, or half of it."""
    return error / 2 if settings.interpretability == "half-squared" else error
