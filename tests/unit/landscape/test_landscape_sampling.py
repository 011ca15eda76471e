"""What was sampled, shuffled and resampled; means that are equal where values are."""

import numpy as np
import pandas as pd
import pytest
from landscape_cases import nested
from scipy import sparse

from panscape.coscape.landscape import sampling as module
from panscape.coscape.landscape.disjoint import disjoint_clusters, disjoint_groups
from panscape.coscape.landscape.sampling import Sampling, sampled_cells
from panscape.coscape.landscape.units import choose_units
from panscape.errors import UserError
from panscape.stats.means import cluster_means, group_means, whole_multiples

AGES = np.repeat([8.0, 9.2, 9.2, 12.0], 3)


def cells(**columns):
    return pd.DataFrame({"age": AGES, **columns})


def test_means_of_equal_values_are_equal_to_the_last_bit():
    rng = np.random.default_rng(0)
    members = sparse.csr_matrix(
        (rng.uniform(size=(60, 900)) < rng.uniform(0.1, 1, 60)[:, None]).astype(float)
    )
    for value in (1560.0, 9.3, 0.1, 123456.789):
        assert set(cluster_means(members, np.full(900, value))) == {value}
    third = cluster_means(members, np.full(900, 1e-7 / 3))
    assert len(set(third)) == 1
    assert third[0] == pytest.approx(1e-7 / 3, rel=1e-11)
    plain = members @ np.full(900, 0.1) / members.sum(axis=1).A1
    assert len(set(plain)) > 1  # what is guarded against
    halves = sparse.csr_matrix(np.kron(np.eye(3), [[1, 1, 1, 0], [1, 1, 0, 0]]))
    ages = np.tile([0.1, 0.7, 0.4, 5.0], 3)
    assert len(set(cluster_means(halves, ages))) == 1
    assert np.isnan(cluster_means(members[:2], np.full(900, np.nan))).all()
    assert set(group_means(rng.integers(7, size=900), np.full(900, 0.1), 7)) == {0.1}
    values = rng.normal(size=900) * 50
    np.testing.assert_allclose(
        cluster_means(members, values), members @ values / members.sum(axis=1).A1, atol=1e-9
    )
    assert whole_multiples(np.zeros(3), 3)[1] == 1


def test_units_are_the_coarsest_samples_of_one_age():
    sample, animal = list("aabbccddeeff"), list("aaabbbbbbccc")
    batch = list("aaaaaabbbbbb")
    both = choose_units("s", cells(sample=sample, animal=animal, batch=batch), AGES)
    assert (both.column, both.number) == ("animal", 3)
    assert choose_units("s", cells(batch=batch), AGES).column == "cell"
    assert choose_units("s", cells(donor=animal), AGES, "cell").number == 12
    assert choose_units("s", cells(cell_type=animal), AGES).column == "cell"
    one = choose_units("s", cells(), np.full(12, 5.0))
    assert (one.column, one.number) == ("study", 1)
    unknown = np.where(np.arange(12) < 3, np.nan, AGES)
    result = choose_units("s", cells(animal=animal), unknown)
    assert (result.code[:3] == -1).all()
    assert result.number == 2


def test_a_named_unit_must_be_there_and_have_one_age():
    with pytest.raises(UserError, match=r"landscape\.sample: study s has no column 'x'"):
        choose_units("s", cells(), AGES, "x")
    with pytest.raises(UserError, match="cells of batch 'a' of study s have several ages"):
        choose_units("s", cells(batch=list("aaaaaabbbbbb")), AGES, "batch")
    flasks = cells(flask=[f"f{at // 3}" for at in range(12)])
    assert choose_units("s", flasks, AGES, "flask").number == 4


def test_few_ages_without_samples_are_warned_of(caplog):
    caplog.set_level("WARNING", logger="panscape")
    choose_units("s", pd.DataFrame({"age": np.repeat([2.0, 4, 6], 50)}), np.repeat([2.0, 4, 6], 50))
    assert "map obs.sample" in caplog.text
    caplog.clear()
    assert choose_units("s", pd.DataFrame({"age": [np.nan] * 9}), np.full(9, np.nan)).number == 0
    assert not caplog.text  # a study without ages has nothing to map


def test_disjoint_clusters_share_no_cells_and_leave_no_room():
    members = nested(seed=1).members
    leaves = disjoint_clusters(members)
    assert leaves.tolist() == list(range(16))
    group = disjoint_groups(members)
    assert len(np.unique(group)) == 16
    overlapping = sparse.csr_matrix(
        np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1, 0]])
    )
    assert disjoint_clusters(overlapping).tolist() == [0, 2]
    assert disjoint_groups(overlapping).tolist() == [0, 0, 0, 1, 1, 1, -1]


@pytest.mark.parametrize("samples", [0, 6])
def test_shuffled_means_are_those_of_shuffled_ages(samples):
    studies = [nested("one", seed=2, samples=samples), nested("two", 150, seed=3, samples=samples)]
    drawn = sampled_cells(studies)
    np.testing.assert_array_equal(drawn.ages(), np.concatenate([study.clusters["age"] for study in studies]))
    assert drawn.described == (f"{550} cell" if not samples else "12 sample")
    whole = np.concatenate(list(drawn.shuffled(50, np.random.default_rng(0))))
    assert whole.shape == (50, 62)
    total = np.concatenate([study.cells["age"] for study in studies])
    if not samples:  # all cells of a study together keep the sum of all
        number = np.array([400, 150])
        np.testing.assert_allclose(whole[:, [30, 61]] @ number, total.sum(), rtol=1e-9)
    within = np.concatenate(list(drawn.shuffled(50, np.random.default_rng(0), within=True)))
    if not samples:
        np.testing.assert_allclose(within[:, 30], studies[0].cells["age"].mean())
    assert not np.array_equal(within[0], within[1])
    again = np.concatenate(list(drawn.shuffled(50, np.random.default_rng(0))))
    np.testing.assert_array_equal(whole, again)


def test_few_arrangements_are_all_enumerated():
    study = nested(seed=4, samples=4)
    drawn = sampled_cells([study])
    assert drawn.arrangements() == 24
    every = np.concatenate(list(drawn.shuffled(100, np.random.default_rng(0))))
    assert len(every) == 24
    assert len(np.unique(every.round(9), axis=0)) == 24
    assert (every == drawn.ages()).all(axis=1).sum() == 1
    same = study.cells.assign(age=np.where(study.cells["sample"].isin(["s0", "s1"]), 1.0, 2.0))
    from dataclasses import replace

    assert sampled_cells([replace(study, cells=same)]).arrangements() == 6
    assert sampled_cells([replace(study, cells=same.assign(age=1.0))]).arrangements(range(1)) == 1


def test_resampling_draws_samples_or_disjoint_groups():
    for samples, blocks in ((0, 16), (5, 5)):
        drawn = sampled_cells([nested(seed=5, samples=samples)])
        assert len(drawn.block_study) == blocks
        ages, weights = drawn.resampled(300, np.random.default_rng(1))
        assert weights[:, 30].mean() == pytest.approx(1, abs=0.05)
        if not samples:  # a disjoint cluster is drawn as a whole or not at all
            assert set(np.unique(weights[:, :16])) <= set(range(9))
            drawn_ages = ages[:, 3][weights[:, 3] > 0]
            assert set(drawn_ages) == {drawn.ages()[3]}
        assert np.isnan(ages[weights == 0]).all()


def test_copies_of_clusters_are_no_new_leaves():
    drawn = sampled_cells([nested(seed=6)])
    twice = drawn.rows(np.repeat(np.arange(31), 2))
    assert twice.leaves.tolist() == list(range(0, 32, 2))
    np.testing.assert_array_equal(twice.ages(), np.repeat(drawn.ages(), 2))


@pytest.mark.parametrize("within", [False, True])
def test_permuted_ages_of_many_cells_are_random_tables(monkeypatch, within):
    rng = np.random.default_rng(5)
    studies = np.repeat([0, 1], [500, 300])
    ages = rng.choice([1.0, 2.0, 10.0], 800) + studies
    label = rng.integers(4, size=800) + 4 * studies
    rows = [label == value for value in range(8)] + [(label == 0) | (label == 1), studies == 1]
    members = sparse.csr_matrix(np.array(rows, dtype=float))
    whole, scale = whole_multiples(ages, 800)
    sampling = Sampling(
        members, np.r_[np.repeat([0, 1], 4), 0, 1], np.arange(800), whole, scale, studies,
        np.arange(800), studies, np.arange(8), (),
    )  # fmt: skip
    monkeypatch.setattr(module, "TABLE_ENTRY", 1000)
    slow = np.concatenate(list(sampling.shuffled(4000, np.random.default_rng(0), within=within)))
    monkeypatch.setattr(module, "TABLE_ENTRY", 0)
    quick = np.concatenate(list(sampling.shuffled(4000, np.random.default_rng(1), within=within)))
    monkeypatch.setattr(module, "AT_ONCE", 10_000)  # tables are drawn in blocks
    blocks = np.concatenate(list(sampling.shuffled(4000, np.random.default_rng(1), within=within)))
    if not within:  # with two studies the blocks' draws alternate
        np.testing.assert_array_equal(blocks, quick)
    assert slow.shape == quick.shape == (4000, 10)
    if within:  # the ages of a study stay in it
        np.testing.assert_array_equal(quick[:, 9], slow[:, 9])
    kept = slice(0, 9)
    error = slow[:, kept].std(axis=0) / np.sqrt(4000)
    assert (np.abs(slow[:, kept].mean(axis=0) - quick[:, kept].mean(axis=0)) < 6 * error).all()
    np.testing.assert_allclose(np.cov(quick[:, kept].T), np.cov(slow[:, kept].T), atol=0.12 * slow.var())
    np.testing.assert_allclose(
        np.quantile(quick[:, 8], [0.1, 0.9]), np.quantile(slow[:, 8], [0.1, 0.9]), rtol=0.01
    )
