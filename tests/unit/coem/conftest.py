from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse


def made(n=360, genes=150, peaks=260, seed=0, depth=(400, 500)):
    """Three types: 0 and 1 are equal in RNA, 1 and 2 in accessibility; a state runs through all of them."""
    random = np.random.default_rng(seed)
    kind, state = random.integers(3, size=n), random.random(n)
    tilt = [
        random.normal(0, 0.9, (3, features)) * (random.random(features) < 0.4) for features in (genes, peaks)
    ]
    tilt[0][1], tilt[1][1] = tilt[0][0], tilt[1][2]
    counts = []
    for effect, features, mean in zip(tilt, (genes, peaks), depth, strict=True):
        course = random.normal(0, 1, features) * (random.random(features) < 0.3)
        rate = np.exp(random.normal(0, 0.7, features) + effect[kind] + np.outer(state - 0.5, course))
        cell_depth = mean * np.exp(random.normal(0, 0.4, n))
        rate *= (cell_depth / rate.sum(axis=1))[:, None]
        counts.append(sparse.csr_matrix(random.poisson(rate).astype(np.float32)))
    return SimpleNamespace(rna=counts[0], atac=counts[1], kind=kind, state=state)


@pytest.fixture(scope="session")
def cells():
    return made()
