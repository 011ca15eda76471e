"""Starting values of a model's linear paths: the optimum of the linear Gaussian model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from panscape.sivae.baselines import as_rates, probabilistic_pca
from panscape.sivae.bins import Bin
from panscape.sivae.layers import Linear, inverse_softplus
from panscape.sivae.module import Sivae
from panscape.stats.singular import least_squares


@torch.no_grad()
def start_linear_paths(module: Sivae, at: int, bin_: Bin, features: np.ndarray | None) -> None:
    """Start the skip connections of a model at the optimum of the linear Gaussian model.

    Parameters
    ----------
    module
        Stack of models, changed in place.
    at
        Position of the model in the stack.
    bin_
        Its cells; only training cells are used.
    features
        Input of the gene-wise encoder, F x features; None for models without one.
    """
    settings = module.settings
    start = probabilistic_pca(bin_, settings.n_latent)
    if settings.likelihood == "nb":
        start = as_rates(start, bin_)
    train = int((~bin_.test).sum())
    module.cells.start_at(at, as_tensor(start.project), as_tensor(start.sd))
    if features is not None:
        weights = least_squares(features, start.loadings)
        # a loading is as uncertain as the coefficient of a regression on that many cells
        spread = np.full(settings.n_latent, start.noise / np.sqrt(train))
        module.genes.start_at(at, as_tensor(weights), as_tensor(spread))
    if isinstance(getattr(module, "spread", None), Linear):
        module.spread.bias[at] = inverse_softplus(torch.tensor(start.noise))


def as_tensor(values: np.ndarray) -> Tensor:
    """Return an array as a contiguous float32 tensor on the CPU."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
