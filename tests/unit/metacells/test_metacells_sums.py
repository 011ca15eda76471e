"""Sums, annotation and soft shares."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coem.metacells.aggregate import (
    annotate,
    metacell_names,
    modality_table,
    soft_fractions,
    sum_cells,
)
from panscape.coem.metacells.group import group_cells


def test_sums_are_exact():
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(300.0, (200, 30)).astype(np.float32))
    label = rng.integers(0, 7, 200)
    sums = sum_cells(counts, label)
    assert (sums.toarray() == np.stack([counts.toarray()[label == m].sum(axis=0) for m in range(7)])).all()
    assert sums.sum() == counts.sum(dtype=np.float64)


def test_sums_beyond_single_precision_stay_exact():
    counts = sparse.csr_matrix(np.array([[2**24], [1.0]]))
    assert sum_cells(counts, np.zeros(2, int)).toarray()[0, 0] == 2**24 + 1


def test_modality_table_keeps_counts_and_depth():
    counts = sparse.csr_matrix(np.array([[1, 0, 3], [1, 2, 1], [0, 0, 5]], dtype=np.float32))
    table = modality_table(counts, np.array([0, 0, 1]), pd.DataFrame(index=list("abc")), ["m1", "m2"])
    assert table.layers["counts"].toarray().tolist() == [[2, 2, 4], [0, 0, 5]]
    assert table.obs["n_counts"].tolist() == [8, 5]
    np.testing.assert_allclose(table.X.toarray()[1, 2], np.log1p(6.5))
    assert table.obs["cell_counts_cv"].tolist() == [0, 0]


def test_annotation_by_majority_with_entropy():
    obs = pd.DataFrame(
        {"kind": pd.Categorical(["x", "x", "y", None]), "age": [1.0, 3.0, 5.0, np.nan], "study": "s"},
        index=list("abcd"),
    )
    table = annotate(obs, np.array([0, 0, 0, 1]))
    assert table["n_cells"].tolist() == [3, 1] and list(table.index) == ["m1", "m2"]
    assert table["kind"].iloc[0] == "x" and pd.isna(table["kind"].iloc[1])
    assert table["kind_purity"].iloc[0] == pytest.approx(2 / 3)
    share = np.array([2 / 3, 1 / 3])
    assert table["kind_entropy"].iloc[0] == pytest.approx(-(share * np.log(share)).sum())
    assert table["age"].iloc[0] == 3.0 and np.isnan(table["age"].iloc[1])
    assert "study" not in table


def test_soft_fractions_sum_to_one_and_favour_the_own_metacell():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(500, 3))
    result = group_cells(z, 10)
    shares = soft_fractions(z, result.label)
    np.testing.assert_allclose(np.asarray(shares.sum(axis=1)).ravel(), 1)
    assert shares.data.min() >= 0.05 * 0.9 and np.diff(shares.indptr).max() <= 5
    best = np.asarray(shares.argmax(axis=1)).ravel()
    assert (best == result.label).mean() > 0.7


def test_names_have_one_width():
    assert metacell_names(12)[0] == "m01" and metacell_names(12)[-1] == "m12"
