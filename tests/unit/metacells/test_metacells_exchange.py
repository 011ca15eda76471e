"""Exchanges of metacells: planted rare types, invariants, and the choice against a search of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.coem.metacells.exchange import exchange, split
from panscape.coem.metacells.group import group_cells


def squares(z, label):
    return sum(((z[label == m] - z[label == m].mean(axis=0)) ** 2).sum() for m in np.unique(label))


def sample(seed, n=120, k=9, d=3):
    random = np.random.default_rng(seed)
    z = random.normal(size=(n, d)) + 6 * random.normal(size=(5, d))[random.integers(0, 5, n)]
    return z, random.permutation(np.arange(n) % k), random.integers(0, 2, n)


def test_rare_types_get_metacells_of_their_own():
    random = np.random.default_rng(0)
    kind = np.repeat(np.arange(4), [600, 270, 18, 12])
    centre = np.array([[0.0, 0, 0], [14, 0, 0], [0, 14, 0], [0, 14, 5]])
    z = centre[kind] + random.normal(size=(900, 3))
    kept = group_cells(z, 12, {"exchange": None})
    better = group_cells(z, 12)
    mixed = [len(set(kind[one.label == one.label[-1]])) for one in (kept, better)]
    assert mixed == [2, 1] and better.exchanged > 0 == kept.exchanged
    assert better.k == kept.k == 12
    assert all(len(set(kind[better.label == m])) == 1 for m in range(12))


def test_a_continuum_is_left_as_it_is():
    z = np.random.default_rng(1).random((1500, 2))
    grouping = group_cells(z, 20)
    assert grouping.exchanged <= 1


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 4.0]))
def test_limits_hold_and_every_exchange_makes_metacells_more_alike(seed, factor):
    z, label, part = sample(seed)
    label = np.unique(label + 100 * part, return_inverse=True)[1]  # no metacell spans two parts
    limits = {"factor": factor, "min_size": 3, "max_size": 30}
    found, done = exchange(label, z, part, **limits)
    assert found.max() == label.max()
    sizes = np.bincount(found)
    assert sizes.min() >= min(3, np.bincount(label).min()) and sizes.max() <= 30
    assert all(len(set(part[found == m])) == 1 for m in range(found.max() + 1))
    if done:
        assert squares(z, found) < squares(z, label)
    else:
        assert len(set(zip(found, label, strict=True))) == label.max() + 1


def searched(z, label, factor):
    """Make exchanges by a search of all splits and mergers."""
    label, done = label.copy(), 0
    while True:
        cuts = {m: split(z[label == m], 2) for m in np.unique(label)}
        one = max(cuts, key=lambda m: cuts[m].gain)
        merged = {
            (a, b): squares(z, np.where(label == b, a, label)) - squares(z, label)
            for a in cuts
            for b in cuts
            if a < b and one not in (a, b)
        }
        a, b = min(merged, key=merged.get)
        if cuts[one].gain <= factor * merged[a, b] or done == len(cuts):
            return label, done
        label[label == b] = a
        label[np.flatnonzero(label == one)[cuts[one].second]] = b
        done += 1


@pytest.mark.parametrize("seed", range(6))
def test_exchanges_are_the_best_of_all(seed):
    z, label, _ = sample(seed, n=60, k=6)
    found, done = exchange(label, z, np.zeros(60, dtype=int), factor=1.5, min_size=2)
    expected, number = searched(z, label, 1.5)
    assert done == number > 0
    assert len(set(zip(found, expected, strict=True))) == 6


def test_the_best_split_along_an_axis_is_found():
    points = np.random.default_rng(3).normal(size=(30, 1)) ** 3
    order = np.argsort(points[:, 0])
    best = max(
        squares(points[order], np.zeros(30)) - squares(points[order], np.arange(30) >= at)
        for at in range(4, 27)
    )
    cut = split(points, 4)
    assert cut.gain == pytest.approx(best)
    labels = cut.second.astype(int)
    assert squares(points, np.zeros(30)) - squares(points, labels) == pytest.approx(best)
    assert split(points[:7], 4).gain == 0


@pytest.mark.parametrize("distinct", [False, True])
def test_cells_far_from_all_others_become_no_metacell(distinct):
    z = np.random.default_rng(3).normal(0, 0.1, (126, 8))
    z[80:, 0] += 30  # a second kind of cells; the first is divided in two metacells, which could be merged
    apart = 5 * np.eye(8)[2:]
    z[120:] += (
        apart[:1] if distinct else apart
    )  # six cells far from the others: alike, or each in its own way
    label, part = np.repeat([0, 1, 2], [40, 40, 46]), np.zeros(126, int)
    found, done = exchange(label, z, part, factor=2.0, min_size=5)
    assert done == int(distinct)
    wanted = np.repeat([0, 1, 2], [80, 40, 6]) if distinct else label
    assert (found == wanted).all()
