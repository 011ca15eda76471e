"""Measures against plain implementations of their definitions."""

import numpy as np
import pytest
from scipy import sparse

from panscape.coem.metacells.evaluate import (
    compactness,
    depth_spread,
    measure,
    purity,
    separation,
    spread_within,
    weighted_purity,
)
from panscape.coem.metacells.group import group_cells
from panscape.coem.metacells.homogeneity import homogeneity
from panscape.graph.multiscale import diffusion_space


def continuous(n=400, seed=0):
    rng = np.random.default_rng(seed)
    t = rng.random(n)
    return np.column_stack([3 * t, np.sin(4 * t), rng.normal(0, 0.2, n), rng.normal(0, 0.2, n)])


def reference_space(z, knn=30, n_components=10):
    """Palantir's multiscale space, written out with dense matrices and a general eigensolver."""
    n = len(z)
    gap = np.linalg.norm(z[:, None] - z[None], axis=2)
    np.fill_diagonal(gap, np.inf)
    kernel = np.zeros((n, n))
    for i in range(n):
        near = np.argsort(gap[i])[: knn - 1]
        width = np.sort(gap[i])[knn // 3 - 1]
        kernel[i, near] = np.exp(-gap[i, near] / width)
    kernel += kernel.T
    values, vectors = np.linalg.eig(kernel / kernel.sum(axis=1, keepdims=True))
    order = np.argsort(-values.real)[:n_components]
    values, vectors = values.real[order], vectors.real[:, order]
    vectors /= np.linalg.norm(vectors, axis=0)
    return vectors[:, 1:] * (values / (1 - values))[1:]


def test_compactness_and_separation_are_those_of_the_definition():
    z = continuous()
    label = group_cells(z, 12).label
    space = diffusion_space(z)
    assert space.parts == 1
    reference = reference_space(z)
    variance = [reference[label == m].var(axis=0, ddof=1).mean() for m in range(12)]
    mean = np.array([reference[label == m].mean(axis=0) for m in range(12)])
    gap = np.linalg.norm(mean[:, None] - mean[None], axis=2)
    np.fill_diagonal(gap, np.inf)
    np.testing.assert_allclose(compactness(space.plain, label), variance, rtol=1e-6)
    np.testing.assert_allclose(separation(space.plain, label), gap.min(axis=1), rtol=1e-6)


def test_guarded_space_equals_the_plain_one_on_connected_data():
    space = diffusion_space(continuous())
    np.testing.assert_allclose(space.guarded, space.plain)


def test_unconnected_data_blow_up_the_plain_measures_only():
    z = np.concatenate([continuous(200, 1), continuous(200, 2) + 100, continuous(200, 3) - 100])
    label = group_cells(z, 12).label
    space = diffusion_space(z)
    assert space.parts == 3
    guarded = compactness(space.guarded, label)
    assert np.isfinite(guarded).all() and guarded.max() < 10
    assert np.nanmax(compactness(space.plain, label)) > 1e4 * guarded.max()
    assert np.isfinite(separation(space.guarded, label)).all()


def test_a_metacell_of_one_cell_has_no_variance():
    space = np.random.default_rng(0).normal(size=(7, 3))
    result = compactness(space, np.array([0, 0, 0, 1, 1, 1, 2]))
    assert np.isnan(result[2]) and np.isfinite(result[:2]).all()


def test_purity_by_hand_and_weighted_by_cells():
    label = np.array([0, 0, 0, 0, 1, 2, 2])
    truth = np.array(["a", "a", "a", "b", "b", "a", None], dtype=object)
    np.testing.assert_allclose(purity(label, truth), [0.75, 1.0, 1.0])
    assert weighted_purity(label, truth) == pytest.approx(5 / 6)


def test_spread_within_and_depth():
    label = np.array([0, 0, 1, 1])
    assert spread_within(label, np.array([0.0, 2.0, 5.0, np.nan])) == pytest.approx(0.5)
    assert depth_spread(np.array([10.0, 10, 30, 30]), label) == pytest.approx(0.5)


def test_all_measures_have_a_row_and_are_finite():
    z = continuous(300)
    label = group_cells(z, 10).label
    rows = measure(
        label,
        {"rna": diffusion_space(z)},
        depths={"rna": np.arange(1.0, 301)},
        labels={"type": np.where(z[:, 0] > 1, "x", "y").astype(object)},
        numbers={"state": z[:, 0]},
    )
    metrics = {(metric, name): value for metric, name, value in rows}
    assert np.isfinite(list(metrics.values())).all()
    assert metrics[("purity", "type")] > 0.9 and metrics[("metacells", "")] == 10
    assert metrics[("smallest", "")] <= metrics[("size_mean", "")] <= metrics[("largest", "")]


def counts_of(rate, rng):
    return sparse.csr_matrix(rng.poisson(rate).astype(np.float32))


def test_rigor_tells_mixtures_from_chance():
    rng = np.random.default_rng(0)
    base = rng.gamma(0.5, 1.0, 300)
    depth = rng.lognormal(0, 0.3, 200)[:, None]
    other = base * np.exp(rng.normal(0, 1.0, 300) * (rng.random(300) < 0.3))
    alike = counts_of(depth * base, rng)
    mixed = counts_of(depth * np.where(np.arange(200)[:, None] % 2, base, other), rng)
    label = np.repeat([0, 1, 2, 3], 50)
    good, bad = homogeneity(alike, label), homogeneity(mixed, label)
    assert not good["dubious"].any() and good["rigor"].min() > 0.85
    assert bad["dubious"].all() and bad["rigor"].max() < 0.9
    assert (bad["pvalue"] < good["pvalue"]).all()


def test_rigor_is_calibrated_without_structure():
    rng = np.random.default_rng(1)
    counts = counts_of(rng.lognormal(0, 0.4, 1200)[:, None] * rng.gamma(0.5, 1.0, 200), rng)
    result = homogeneity(counts, np.repeat(np.arange(40), 30))
    assert result["dubious"].mean() <= 0.1
    assert result["pvalue"].median() > 0.2


def test_rigor_of_tiny_metacells_is_unknown():
    rng = np.random.default_rng(2)
    result = homogeneity(counts_of(np.ones((24, 50)), rng), np.repeat([0, 1, 2], [10, 10, 4]))
    assert np.isnan(result["rigor"].iloc[2]) and not result["dubious"].iloc[2]
