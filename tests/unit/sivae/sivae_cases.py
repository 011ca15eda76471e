"""Small bins with planted modules, and settings that train them in a moment."""

from __future__ import annotations

import numpy as np

from panscape.sivae.bins import Bin
from panscape.sivae.job import train as sivae_train
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.values import Expression

QUICK = {"n_hidden": (16, 8), "n_latent": 4, "n_steps": (0, 0, 24), "batch_size": 32, "validate_every": 6}
CLASSIC = QUICK | {
    "skip_connection": False,
    "gene_prior": "standard",
    "n_steps": (8, 8, 12),
    "warmup_steps": 10,
    "input_dropout": 0.0,
    "ema": 0.0,
    "anneal": False,
}


def quick(**changes) -> SivaeSettings:
    return SivaeSettings(**(QUICK | changes))


def made_bin(name="0", line="a", cells=60, genes=30, seed=0, test=0.2, covariates=None, counts=False):
    random = np.random.default_rng(seed)
    module = random.normal(size=(cells, 3))
    loadings = np.zeros((3, genes))
    for at in range(3):
        loadings[at, at * 8 : (at + 1) * 8] = 1.5
    values = module @ loadings + random.normal(size=(cells, genes))
    held = np.zeros(cells, bool)
    held[random.permutation(cells)[: int(test * cells)]] = True
    train = values[~held]
    scaled = ((values - train.mean(0)) / train.std(0)).astype(np.float32)
    observed = random.poisson(np.exp(1 + 0.5 * values)).astype(np.float32) if counts else None
    return Bin(line, name, scaled, held, observed, covariates)


def trained(bins, settings, seed=0, **options):
    expressions = [Expression(bin_, None, None, None) for bin_ in bins]
    return sivae_train(expressions, settings, seed, **options)
