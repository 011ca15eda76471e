"""Measures against plain implementations of their definitions."""

import numpy as np
import pandas as pd
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
from panscape.coem.metacells.state_axes import state_axes
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


def unconnected():
    return np.concatenate([continuous(200, 1), continuous(160, 2) + 100, continuous(240, 3) - 100])


def test_unconnected_parts_dominate_the_plain_measures_only():
    z = unconnected()
    label = group_cells(z, 12).label
    spanning = np.where(label == 11, 0, label)
    space = diffusion_space(z)
    assert space.parts == 3
    guarded = compactness(space.guarded, label)
    assert np.isfinite(guarded).all() and guarded.max() < 10
    assert np.isfinite(separation(space.guarded, label)).all()
    assert np.nanmax(compactness(space.plain, spanning)) > 1e4 * guarded.max()


def test_measures_of_unconnected_data_do_not_hang_on_rounding():
    z = unconnected()
    label = group_cells(z, 12).label
    order = np.random.default_rng(0).permutation(len(z))
    turned = z[order] @ np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    first, second = diffusion_space(z), diffusion_space(turned)
    for name in ("plain", "guarded"):
        for measured in (compactness, separation):
            one, two = measured(getattr(first, name), label), measured(getattr(second, name), label[order])
            np.testing.assert_allclose(one, two, rtol=1e-4, err_msg=f"{measured.__name__} {name}")


def test_parts_are_decomposed_as_the_whole_graph_is():
    z = unconnected()
    space = diffusion_space(z)
    reference = reference_space(z, n_components=12)
    moving = np.abs(reference).max(axis=0) < 1e6
    assert moving.sum() == 9
    size = np.sort(np.linalg.norm(reference[:, moving], axis=0))
    np.testing.assert_allclose(np.sort(np.linalg.norm(space.guarded, axis=0)), size, rtol=1e-6)
    assert space.plain.shape[1] == 9
    np.testing.assert_allclose(space.plain[:, 2:], space.guarded[:, :7])


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


def planted(rng, cells=600, genes=400, states=6):
    """Return counts of states of few cells' depth, and the states."""
    base = rng.gamma(0.6, 1.0, genes)
    changed = rng.random((states, genes)) < 0.2
    rate = base * np.exp(rng.normal(0, 1.2, (states, genes)) * changed)
    state = np.arange(cells) % states
    return counts_of(rng.lognormal(0, 0.4, cells)[:, None] * rate[state], rng), state


def halved(state, states=6):
    """Return metacells: each state in two."""
    return state + states * (np.arange(len(state)) // states % 2)


def test_heterogeneity_is_near_0_in_pure_and_1_in_random_metacells():
    rng = np.random.default_rng(0)
    counts, state = planted(rng)
    pure = homogeneity(counts, halved(state))
    shuffled = homogeneity(counts, rng.permutation(halved(state)))
    assert pure["heterogeneity"].abs().max() < 0.05 and not pure["dubious"].any()
    np.testing.assert_allclose(shuffled["heterogeneity"].mean(), 1, atol=0.1)
    assert shuffled["dubious"].all()


def test_heterogeneity_of_a_mixture_follows_the_foreign_fraction():
    rng = np.random.default_rng(1)
    counts, state = planted(rng, cells=1200)
    for foreign in (0.1, 0.25, 0.5):
        label = halved(state)
        moved = int(foreign * 100)
        one, two = np.flatnonzero(label == 0), np.flatnonzero(label == 7)
        label[one[:moved]], label[two[:moved]] = 7, 0
        result = homogeneity(counts, label)
        # states are not equally far from each other
        np.testing.assert_allclose(
            result["heterogeneity"][[0, 7]], 2 * foreign * (1 - foreign), rtol=0.4, atol=0.03
        )
        assert result["dubious"][[0, 7]].all() and not result["dubious"].drop([0, 7]).any()


def test_random_groups_within_one_state_are_not_dubious():
    rng = np.random.default_rng(2)
    counts, state = planted(rng, cells=1800)
    label = 6 * rng.integers(0, 5, 1800) + state
    assert not homogeneity(counts, label)["dubious"].any()


def test_depth_is_not_taken_for_heterogeneity():
    rng = np.random.default_rng(3)
    counts, state = planted(rng)
    deep = rng.random(600) < 0.5
    thinned = counts.copy()
    rows = np.repeat(np.arange(600), np.diff(counts.indptr))
    thinned.data[deep[rows]] = rng.binomial(thinned.data[deep[rows]].astype(int), 0.3)
    result = homogeneity(thinned, halved(state))
    assert result["heterogeneity"].abs().max() < 0.1 and not result["dubious"].any()


def test_data_without_states_are_not_judged():
    rng = np.random.default_rng(1)
    counts = counts_of(rng.lognormal(0, 0.4, 1200)[:, None] * rng.gamma(0.5, 1.0, 200), rng)
    result = homogeneity(counts, np.repeat(np.arange(40), 30))
    assert result["heterogeneity"].isna().all() and not result["dubious"].any()


def test_chance_in_few_cells_is_not_dubious():
    rng = np.random.default_rng(6)
    counts, state = planted(rng, cells=1800)
    sparse_counts = counts.copy()
    sparse_counts.data = rng.binomial(counts.data.astype(int), 0.05).astype(float)
    sparse_counts.eliminate_zeros()
    result = homogeneity(sparse_counts, 6 * (np.arange(1800) // 36) + state)
    assert result["n_cells"].max() == 6 and result["heterogeneity"].std() > 0.1
    assert result["dubious"].mean() < 0.05


def test_metacells_of_few_cells_and_data_without_features_are_not_judged():
    rng = np.random.default_rng(2)
    label = np.repeat([0, 1, 2], [10, 10, 4])
    result = homogeneity(counts_of(np.ones((24, 50)), rng), label)
    assert np.isnan(result["heterogeneity"].iloc[2]) and not result["dubious"].iloc[2]
    nothing = homogeneity(counts_of(np.ones((24, 5)), rng), label)
    assert nothing["heterogeneity"].isna().all() and not nothing["dubious"].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -2.0])
def test_counts_that_cannot_be_are_refused(value):
    counts, state = planted(np.random.default_rng(5), cells=60)
    counts.data[3] = value
    with pytest.raises(ValueError, match="negative or not finite"):
        homogeneity(counts, state)


def test_every_cell_needs_a_metacell():
    counts, state = planted(np.random.default_rng(5), cells=60)
    with pytest.raises(ValueError, match="50 cells have a metacell, and 60 have counts"):
        homogeneity(counts, state[:50])


def test_homogeneity_is_repeatable_and_reuses_axes():
    counts, state = planted(np.random.default_rng(5), cells=120)
    one, two = homogeneity(counts, state, seed=3), homogeneity(state_axes(counts, seed=3), state, seed=3)
    pd.testing.assert_frame_equal(one, two)
