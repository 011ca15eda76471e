import numpy as np
import pandas as pd
import pytest
from planted_reference import ageing, blocks, placed
from scipy import sparse

from panscape.coscape.project.kriging import krige, similarity_kernel
from panscape.coscape.project.place import map_position, nearest_panclusters
from panscape.coscape.project.similarity import Similarity


def test_neighbors_equal_brute_force():
    matrix, *_ = ageing(np.random.default_rng(0), 150, ["a"])
    dense = matrix.toarray()
    unit = dense / np.linalg.norm(dense, axis=1, keepdims=True)
    index, cosine = nearest_panclusters(Similarity.cosine(matrix, matrix[:20]).new, 4)
    np.testing.assert_allclose(cosine, -np.sort(-(unit[:20] @ unit.T), axis=1)[:, :4], atol=1e-12)
    assert index[:, 0].tolist() == list(range(20))
    assert nearest_panclusters(Similarity.cosine(matrix[:3], matrix[:2]).new, 9)[0].shape == (2, 3)


def test_kriging_is_generalised_least_squares():
    rng = np.random.default_rng(1)
    rows, new, values = rng.random((30, 8)), rng.random((5, 8)), rng.random(30)
    known, between = rows @ rows.T, new @ rows.T
    inverse = np.linalg.inv(known + 0.1 * np.eye(30))
    one = np.ones(30)
    centre = one @ inverse @ values / (one @ inverse @ one)
    mean, sd = krige(known, values, between, self_kernel=3.0)
    np.testing.assert_allclose(mean, centre + between @ inverse @ (values - centre))
    lacking = 1 - between @ inverse @ one
    variance = 3.0 - np.sum(between @ inverse * between, axis=1) + lacking**2 / (one @ inverse @ one)
    np.testing.assert_allclose(sd**2, variance)
    # a constant is predicted everywhere, also where nothing is alike
    np.testing.assert_allclose(krige(known, 0 * values + 7, np.zeros((2, 30)))[0], 7)


def test_the_kernel_is_the_sum_of_two_cosines():
    matrix, *_ = ageing(np.random.default_rng(2), 20, ["a"])
    codes = blocks(matrix)
    result = similarity_kernel(Similarity.cosine(matrix, matrix[:3]).new, codes[:3], codes)
    dense = matrix.toarray()
    for values in (dense, codes):
        unit = values / np.linalg.norm(values, axis=1, keepdims=True)
        result = result - unit[:3] @ unit.T
    np.testing.assert_allclose(result, 0, atol=1e-12)
    empty = sparse.csr_matrix((1, 400))
    nothing = Similarity.cosine(matrix, empty).new
    np.testing.assert_array_equal(similarity_kernel(nothing, np.zeros((1, 10)), codes), 0)


def test_a_left_out_study_is_placed_by_age():
    rng = np.random.default_rng(0)
    matrix, age, study = ageing(rng, 200, ["a", "b", "c"], low=3)
    new, new_age, _ = ageing(rng, 60, ["d"], low=3)
    table = placed(matrix, new, study, pd.DataFrame({"age": age}))
    error = np.abs(table["age"] - new_age)
    assert error.median() < 0.25 and (table["similarity"] > 0.5).all()
    covered = table["age_low"].le(new_age) & table["age_high"].ge(new_age)
    assert 0.85 <= covered.mean() <= 1
    assert (table["age_high"] - table["age_low"]).median() < 0.8
    # intervals are narrower where the reference is dense
    few = placed(matrix[:24], new, study[:24], pd.DataFrame({"age": age[:24]}))
    assert (few["age_high"] - few["age_low"]).median() > (table["age_high"] - table["age_low"]).median()


def test_nothing_is_negative_where_the_reference_is_not():
    rng = np.random.default_rng(3)
    matrix, age, study = ageing(rng, 90, ["a", "b"])
    new, *_ = ageing(rng, 30, ["d"], high=1.0)
    values = pd.DataFrame({"age": age, "from_zero": age - age.min(), "shifted": age - 5})
    table = placed(matrix, new, study, values)
    assert table[["age", "age_low"]].min().min() > 0
    assert table[["from_zero", "from_zero_low"]].min().min() >= 0
    assert table["shifted_low"].min() < -4.5


def test_ages_that_span_a_factor_are_predicted_as_logarithms():
    rng = np.random.default_rng(4)
    matrix, place, study = ageing(rng, 120, ["a", "b", "c"])
    new, new_place, _ = ageing(rng, 40, ["d"])
    stretched, truth = 9 * 10 ** (place / 10), 9 * 10 ** (new_place / 10)
    table = placed(matrix, new, study, pd.DataFrame({"age": stretched, "place": place - 5}))
    np.testing.assert_allclose(np.log10(table["age"] / 9) * 10 - 5, table["place"])
    ratio = table["age_high"] / table["age_low"]
    assert table["age_low"].min() > 0 and ratio.median() < 2
    assert table["age_low"].le(truth).mul(table["age_high"].ge(truth)).mean() > 0.8
    # at 9 days the interval is much narrower than at 90
    width = table["age_high"] - table["age_low"]
    assert width[truth < 15].median() < 0.5 * width[truth > 50].median()


@pytest.mark.parametrize("side, ages", [("high", (6.5, 9.0)), ("low", (1.0, 3.5))])
def test_ages_beyond_the_reference_are_flagged(side, ages):
    rng = np.random.default_rng(1)
    matrix, age, study = ageing(rng, 120, ["a", "b", "c"], low=3.5, high=6.5)
    beyond, *_ = ageing(rng, 30, ["d"], *ages)
    values = pd.DataFrame({"age": age})
    table = placed(matrix, beyond, study, values)
    assert table["age_edge"].isin([side, "both"]).mean() >= 0.8
    within, *_ = ageing(rng, 30, ["d"], 4.5, 5.5)
    assert (placed(matrix, within, study, values)["age_edge"] == "").mean() > 0.8


def test_one_study_has_no_intervals(caplog):
    matrix, age, _ = ageing(np.random.default_rng(0), 40, ["a"])
    values = pd.DataFrame({"age": age, "none": np.nan})
    table = placed(matrix, matrix[:9], np.repeat("a", 40), values)
    assert table[["age_low", "age_high", "none", "none_low"]].isna().all(axis=None)
    assert table["age"].notna().all() and set(table["none_edge"]) == {""}
    assert (
        "age: no intervals; they need 9 panclusters of left-out studies, the reference has 1" in caplog.text
    )


def test_studies_that_do_not_overlap_give_wide_intervals(caplog):
    rng = np.random.default_rng(5)
    early, late = ageing(rng, 40, ["a"], 0, 4), ageing(rng, 40, ["b"], 6, 10)
    matrix, age = sparse.vstack([early[0], late[0]]).tocsr(), np.concatenate([early[1], late[1]])
    new, *_ = ageing(rng, 20, ["d"], 1, 3)
    table = placed(matrix, new, np.repeat(["a", "b"], 40), pd.DataFrame({"age": age}))
    assert (table["age_high"] - table["age_low"]).median() > 4 and "hardly overlap" in caplog.text


def test_panclusters_like_nothing_in_the_reference_have_no_age():
    matrix, age, study = ageing(np.random.default_rng(0), 60, ["a", "b"])
    new = sparse.vstack([sparse.csr_matrix((1, 400)), matrix[0]]).tocsr()
    table = placed(matrix, new, study, pd.DataFrame({"age": age}))
    assert table.loc[0, ["age", "age_low", "age_high"]].isna().all() and table.loc[1, "age"] > 0
    xy = map_position(Similarity.cosine(matrix, new), np.random.default_rng(0).random((60, 2)))
    assert np.isnan(xy[0]).all() and (xy[1] > 0).all() and (xy[1] < 1).all()
