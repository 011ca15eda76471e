"""Small landscapes with a known order, made without the other stages."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.landscape.combine import Study
from panscape.stats.means import cluster_means


def study(name="one", clusters=20, genes=12, seed=0, ages=(0.0, 10.0), cells=200, detection=0.5, place=None):
    """Return a study whose pairs fade in and out along age (or `place`); every cluster is distinct."""
    rng = np.random.default_rng([seed, len(name), ord(name[0])])
    age = np.sort(rng.uniform(*ages, size=clusters)) if place is None else place
    first, second = np.triu_indices(genes)
    shared = np.random.default_rng(7).uniform(0, 10, size=len(first))
    r = 0.9 * np.exp(-((age[:, None] - shared[None, :]) ** 2) / 8) + 0.02 * rng.normal(
        size=(clusters, len(first))
    )
    r[np.abs(r) < 0.3] = 0
    r[:, first == second] = 1
    matrix = sparse.csr_matrix(r.astype(np.float32))
    used = np.flatnonzero(np.diff(matrix.tocsc().indptr))
    table = pd.DataFrame(
        {
            "cluster": [f"{name}-r1-l0-c{at}" for at in range(clusters)],
            "study": name,
            "resolution": 1.0,
            "level": 0.0,
            "parent": f"{name}-all",
            "n_cells": cells + np.arange(clusters),
            "multiplicity": 1 + np.arange(clusters) % 3,
            "age": age,
            "n_counts": rng.uniform(1000, 2000, size=clusters),
        }
    )
    offset = 5 * np.random.default_rng([seed, ord(name[0])]).normal(size=genes)
    mean = 3 + 0.1 * age[:, None] * np.linspace(-1, 1, genes) + 0.01 * rng.normal(size=(clusters, genes))
    return Study(
        name,
        table,
        matrix[:, used],
        np.stack([first, second], axis=1)[used],
        np.array([f"g{at}" for at in range(genes)], dtype=object),
        (np.abs(mean + offset)).astype(np.float32),
        mean.astype(np.float32),
        np.full((clusters, genes), detection, dtype=np.float32),
        *cells_of(age, 8),
    )


def cells_of(age, number):
    """Return the members and cells of disjoint clusters, each of `number` cells of its age."""
    members = np.kron(np.eye(len(age)), np.ones(number))
    return sparse.csr_matrix(members), pd.DataFrame({"age": np.repeat(age, number)})


def nested(name="one", cells=400, seed=0, genes=12, ages=(0.0, 10.0), samples=0):
    """Return a study whose clusters nest: 16 disjoint ones, pairs, fours, eights and all of them.

    Cells have an age each, or the age of one of `samples` samples. Pairs and expression
    follow the order of the disjoint clusters, which has nothing to do with age.
    """
    rng = np.random.default_rng([seed, ord(name[0])])
    place = np.sort(rng.integers(16, size=cells))
    rows = [place // width == at for width in (1, 2, 4, 8, 16) for at in range(16 // width)]
    members = sparse.csr_matrix(np.array(rows, dtype=float))
    age = np.round(rng.uniform(*ages, size=cells), 2)
    table = pd.DataFrame({"age": age})
    if samples:
        sample = rng.integers(samples, size=cells)
        table = pd.DataFrame({"age": np.round(rng.uniform(*ages, size=samples), 2)[sample]})
        table["sample"] = [f"s{at}" for at in sample]
    size = np.asarray(members.sum(axis=1)).ravel()
    middle = members @ place / size / 1.6  # coexpression says where the cells of a cluster lie
    base = study(name, clusters=len(rows), genes=genes, seed=seed, ages=ages, place=middle)
    clusters = base.clusters.assign(age=cluster_means(members, table["age"].to_numpy()), n_cells=50 * size)
    return replace(base, clusters=clusters, members=members, cells=table)
