import numpy as np
import pandas as pd
import pytest
from planted_networks import planted
from scipy import sparse

from panscape import dictionary
from panscape.errors import UserError


@pytest.fixture(scope="module")
def reference():
    data, entries, _, first, second = planted(0, n=150, genes=60, modules=4)
    genes = np.array([f"G{i}" for i in range(60)], dtype=object)
    return dictionary.Reference(
        sparse.csr_matrix(entries), data, genes[first], genes[second], genes, np.repeat(["a", "b", "c"], 50)
    )


def test_codes_do_not_depend_on_the_order_of_pairs_and_ends(reference):
    order = np.random.default_rng(0).permutation(len(reference.gene_a))
    same = dictionary.align(reference, reference.matrix, reference.gene_a, reference.gene_b, reference.genes)
    turned = dictionary.align(
        reference,
        reference.matrix[:, order],
        reference.gene_b[order],
        reference.gene_a[order],
        reference.genes[::-1],
    )
    assert same.share == pytest.approx(1)
    np.testing.assert_allclose(
        dictionary.project_codes(same, alpha=0.1)[0],
        dictionary.project_codes(turned, alpha=0.1)[0],
        atol=1e-7,
    )
    dense = reference.entries.toarray()
    expected = dictionary.encode(dense @ dense.T, reference.matrix @ dense.T, 0.1)
    for codes in dictionary.project_codes(same, alpha=0.1):
        np.testing.assert_allclose(codes, expected, atol=1e-7)


def test_missing_genes_differ_from_missing_edges(reference, caplog):
    # the planted usage is found again when a fifth of the genes were not analysed
    inside = np.arange(60) % 5 > 0
    known = set(reference.genes[inside])
    columns = np.array(
        [a in known and b in known for a, b in zip(reference.gene_a, reference.gene_b, strict=True)]
    )
    new = reference.matrix[:, columns]
    part = dictionary.align(
        reference, new, reference.gene_a[columns], reference.gene_b[columns], reference.genes[inside]
    )
    assert 0.5 < part.share < 0.8
    whole = dictionary.align(reference, reference.matrix, reference.gene_a, reference.gene_b, reference.genes)
    codes = [dictionary.project_codes(a, alpha=0.1)[0] for a in (part, whole)]
    assert np.corrcoef(codes[0].ravel(), codes[1].ravel())[0, 1] > 0.95
    assert np.mean(codes[0]) == pytest.approx(np.mean(codes[1]), rel=0.1)
    # if these genes were analysed but had no edge, usage is lower
    edges = dictionary.align(
        reference, new, reference.gene_a[columns], reference.gene_b[columns], reference.genes
    )
    assert np.mean(dictionary.project_codes(edges, alpha=0.1)[0]) < 0.85 * np.mean(codes[1])


def test_few_and_no_shared_genes(reference, caplog):
    a, b = np.array(["G0"], dtype=object), np.array(["G1"], dtype=object)
    one = sparse.csr_matrix(np.array([[0.5]]))
    aligned = dictionary.align(reference, one, a, b, ["G0", "G1"])
    assert aligned.new.shape == (1, 1) and aligned.new[0, 0] == 0.5
    assert "2 of 60 reference genes" in caplog.text
    with pytest.raises(UserError, match="share 0 of the 60 genes"):
        dictionary.align(reference, one, np.array(["x"]), np.array(["y"]), ["x", "y"])


def test_neighbors_equal_brute_force(reference):
    dense = reference.matrix.toarray()
    unit = dense / np.linalg.norm(dense, axis=1, keepdims=True)
    index, cosine = dictionary.neighbors(reference.matrix[:20], reference.matrix, 4)
    np.testing.assert_allclose(cosine, -np.sort(-(unit[:20] @ unit.T), axis=1)[:, :4], atol=1e-12)
    assert index[:, 0].tolist() == list(range(20))
    allowed = np.arange(150) >= 100
    assert (dictionary.neighbors(reference.matrix[:5], reference.matrix, 9, allowed)[0] >= 100).all()
    assert dictionary.neighbors(reference.matrix[:2], reference.matrix[:3], 9)[0].shape == (2, 3)


def test_interpolation_skips_unknown_values():
    index = np.array([[0, 1, 2], [2, 2, 2]])
    cosine = np.array([[0.6, 0.2, 0.9], [0.5, 0.5, -0.1]])
    mean, spread = dictionary.interpolate(index, cosine, np.array([1.0, 5.0, np.nan]))
    assert mean[0] == pytest.approx((0.6 + 1.0) / 0.8) and np.isnan(mean[1])
    assert spread[0] == pytest.approx(np.sqrt((0.6 * 1 + 0.2 * 9) / 0.8)) and np.isnan(spread[1])


def ageing(rng, n, studies):
    """Draw panclusters along an age axis, on which overlapping groups of pairs rise and fall."""
    age = rng.uniform(0, 10, n)
    centre = np.linspace(0, 10, 40)
    level = np.clip(1 - np.abs(age[:, None] - centre) / 2.5, 0, None)
    values = np.repeat(level, 10, axis=1) + 0.15 * rng.standard_normal((n, 400))
    values[values < 0.3] = 0
    return sparse.csr_matrix(values), age, rng.choice(studies, n)


def blocks(matrix):
    """Return codes of ten groups of pairs next to each other."""
    return np.asarray(matrix.todense()).reshape(matrix.shape[0], 10, -1).mean(axis=2)


def placed(matrix, new, study, values, k):
    aligned = dictionary.Aligned(sparse.csr_matrix((1, matrix.shape[1])), matrix, new, 1.0)
    return dictionary.place(aligned, study, values, (blocks(new), blocks(matrix)), k=k)


def test_a_left_out_study_is_placed_by_age():
    rng = np.random.default_rng(0)
    matrix, age, study = ageing(rng, 200, ["a", "b", "c"])
    new, new_age, _ = ageing(rng, 60, ["d"])
    table = placed(matrix, new, study, pd.DataFrame({"age": age}), k=8)
    error = np.abs(table["age"] - new_age)
    predicted, _ = dictionary.calibrate(blocks(matrix), matrix, study, age, k=8)
    assert error.median() <= 2 * np.median(np.abs(predicted - age))
    assert error.median() < 0.5
    covered = ((table["age_low"] <= new_age) & (new_age <= table["age_high"])).mean()
    assert covered >= 0.8
    assert (table["similarity"] > 0.5).all()


def test_ages_beyond_the_reference_are_extrapolated_and_flagged():
    rng = np.random.default_rng(1)
    # a network that grows with age goes on growing where the reference ends
    age = np.concatenate([rng.uniform(0, 6, 80), rng.uniform(6.5, 8, 20)])
    level = np.stack([age / 10, 1 - age / 10], axis=1)
    matrix = sparse.csr_matrix(np.repeat(level, 50, axis=1) + 0.02 * rng.standard_normal((100, 100)))
    old, new = matrix[:80], matrix[80:]
    study = np.where(np.arange(80) % 2 == 0, "a", "b")
    table = placed(old, new, study, pd.DataFrame({"age": age[:80]}), k=5)
    assert table["age_edge"].mean() > 0.8
    nearest = age[:80][dictionary.neighbors(new, old, 1)[0][:, 0]]
    assert np.median(np.abs(table["age"] - age[80:])) < 0.5 * np.median(np.abs(nearest - age[80:]))
    inside = placed(old, old, study, pd.DataFrame({"age": age[:80]}), k=5)
    assert inside["age_edge"].mean() < 0.2


def test_intervals_are_those_of_errors_made_alike():
    error = np.concatenate([np.full(20, 1.0), np.full(20, 5.0), [np.nan]])
    edge = np.arange(41) >= 20
    np.testing.assert_array_equal(
        dictionary.half_widths(error, edge, np.array([True, False, True]), 0.9), [5, 1, 5]
    )
    few = np.arange(41) >= 38  # too few at the edge: all errors count
    np.testing.assert_array_equal(dictionary.half_widths(error, few, np.array([True, False]), 0.9), [5, 5])
    values = np.append(np.arange(101.0), np.nan)
    assert dictionary.at_edge(np.array([-3.0, 4, 6, 50, 94, 96, 200]), values).tolist() == [
        True, True, False, False, False, True, True,
    ]  # fmt: skip
    assert not dictionary.at_edge(np.array([1.0]), np.array([np.nan])).any()


def test_the_trend_is_ridge_regression():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(2)
    codes, new, values = rng.random((40, 5)), rng.random((7, 5)), rng.random(40)
    rows, other = (c / np.linalg.norm(c, axis=1, keepdims=True) for c in (codes, new))
    penalty = 0.05 * 40 * ((rows - rows.mean(axis=0)) ** 2).mean()
    expected = Ridge(alpha=penalty).fit(rows, values).predict(other)
    np.testing.assert_allclose(dictionary.trend(codes, values, new), expected)
    np.testing.assert_allclose(dictionary.trend(np.ones((4, 2)), np.arange(4.0), np.ones((2, 2))), 1.5)


def test_one_study_has_no_left_out_error():
    rng = np.random.default_rng(0)
    matrix, age, _ = ageing(rng, 40, ["a"])
    study = np.repeat("a", 40)
    predicted, edge = dictionary.calibrate(blocks(matrix), matrix, study, age, k=5)
    assert np.isnan(predicted).all() and not edge.any()
    table = placed(matrix, matrix[:3], study, pd.DataFrame({"age": age, "none": np.nan}), k=5)
    assert (table["age_high"] - table["age"] > 0).all() and table["none"].isna().all()
