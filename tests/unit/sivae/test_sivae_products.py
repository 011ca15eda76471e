"""Gaussian terms from products, against the predictions they do without."""

import numpy as np
import pytest
import torch
from sivae_cases import CLASSIC, made_bin, quick

from panscape.sivae.losses import interpretability
from panscape.sivae.products import by_products, gaussian_terms
from panscape.sivae.task import SivaeTask

CPU = torch.device("cpu")
VARIANTS = [
    {},
    {"linear_bias": False},
    CLASSIC,
    {**CLASSIC, "covariate_term": False},
    {"n_hidden": (16,)},
    {"model": "sivae-linear"},
    {"model": "vae"},
    {"model": "vae-linear"},
]


def begun(changes):
    known = np.eye(2, dtype=np.float32)[np.arange(60) % 2]
    task = SivaeTask([made_bin(covariates=known), made_bin("1", seed=1)], quick(**changes), 0, CPU)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in task.module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=random)
    return task


@pytest.mark.parametrize("changes", VARIANTS)
def test_terms_and_gradients_are_those_of_predictions(changes):
    task = begun(changes)
    module, settings = task.module, task.settings
    batch = task.train.take(np.array([[3, 1, 20], [5, 0, 39]]))
    weight = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.8, 0.0]])
    gradients, values = [], []
    for products in (True, False):
        module.zero_grad()
        z, _ = module.encode_cells(batch.inputs, batch.covariates)
        v = task.embed_genes()[0] if settings.gene_wise else None
        y = module.last_layer(z, batch.covariates)
        linear = v is not None and not settings.linear
        if products:
            likelihood, error = gaussian_terms(module, y, z, v, batch, linear=linear)
            loss = (likelihood * weight).sum() + (0 if error is None else (error * weight).sum())
        else:
            observed = module.observe(y, v, batch.library, batch.covariates)
            loss = (module.likelihood(batch.values, observed).sum(2) * weight).sum()
            if linear:
                loss = loss + interpretability(module, z, v, batch, weight).sum()
        loss.backward()
        values.append(loss.item())
        gradients.append({name: p.grad for name, p in module.named_parameters() if p.grad is not None})
    assert values[0] == pytest.approx(values[1], rel=2e-5)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        scale = gradients[1][name].abs().max().item()
        torch.testing.assert_close(gradient, gradients[1][name], atol=2e-4 * scale + 1e-6, rtol=1e-3)


def test_only_gaussian_noise_per_cell_has_products():
    assert by_products(begun({}).module) and not by_products(begun({"sigma": "gene"}).module)
    counts = SivaeTask([made_bin(counts=True)], quick(likelihood="nb"), 0, CPU)
    assert not by_products(counts.module)


def test_a_copied_batch_is_that_of_an_index():
    task = begun({})
    rows = np.array([[3, 1, 20], [5, 0, 39]])
    batch = task.train.take(rows)
    for name in ("inputs", "values", "covariates", "library", "squares"):
        whole = getattr(task.train, name)
        expected = torch.stack([whole[at][torch.from_numpy(rows[at])] for at in range(2)])
        assert torch.equal(getattr(batch, name), expected)
    torch.testing.assert_close(batch.squares, batch.values.square().sum(2))
