"""The siVAE paper's simulation: communities of genes around a hub, and genes connected to none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hubs:
    """Scaled expression (cells, genes) float32, each gene's community (-1: none), whether it is a hub."""

    values: np.ndarray
    community: np.ndarray
    hub: np.ndarray


def make_hubs(
    cells: int = 5000,
    communities: int = 5,
    size: int = 50,
    isolated: int = 50,
    rho: float = 0.6,
    jitter: float = 0.037,
    seed: int = 0,
) -> Hubs:
    """Draw cells; spokes correlate with their hub by `rho` (give or take `jitter`)."""
    random = np.random.default_rng(seed)
    hubs = random.normal(size=(cells, communities))
    columns, labels = [], []
    for at in range(communities):
        columns.append(hubs[:, at])
        for chosen in rho + random.uniform(-jitter, jitter, size - 1):
            columns.append(chosen * hubs[:, at] + np.sqrt(1 - chosen**2) * random.normal(size=cells))
        labels += [at] * size
    columns += [random.normal(size=cells) for _ in range(isolated)]
    values = np.column_stack(columns)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    labels = np.array(labels + [-1] * isolated)
    hub = np.zeros(len(labels), dtype=bool)
    hub[np.arange(communities) * size] = True
    return Hubs(values.astype(np.float32), labels, hub)
