import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.errors import UserError
from panscape.preprocess import select_genes


def table(genes, dispersion, n_cells=10, mean=1.0):
    dispersion = np.asarray(dispersion, dtype=float)
    return pd.DataFrame(
        {
            "gene": genes,
            "n_cells": n_cells,
            "mean": mean,
            "variance": dispersion * mean,
            "dispersion": dispersion,
        }
    )


def random_tables(n=200, studies=3, seed=0):
    rng = np.random.default_rng(seed)
    genes = [f"G{at:03d}" for at in range(n)]
    common = rng.gamma(1.0, 1.0, n)
    return {
        f"s{at}": table(genes, common + rng.gamma(1.0, 0.3, n)).sample(frac=1, random_state=at)
        for at in range(studies)
    }


def top(frame, genes, count):
    """Return the `count` genes of highest dispersion, equal ones by name: written with sorted()."""
    values = frame.set_index("gene")["dispersion"]
    return set(sorted(genes, key=lambda gene: (-values[gene], gene))[:count])


def chosen(result):
    return set(result.loc[result["selected"], "gene"])


@pytest.mark.parametrize("n_genes", [2, 17, 120, 200])
def test_the_smallest_top_that_leaves_enough_found_by_trying(n_genes):
    tables = random_tables()
    genes = list(tables["s0"]["gene"])
    for limit in range(1, 201):
        left = set.intersection(*(top(frame, genes, limit) for frame in tables.values()))
        if len(left) >= n_genes:
            break
    result = select_genes(tables, n_genes=n_genes)
    assert chosen(result) == left and n_genes <= len(left) <= n_genes + 2


def test_a_given_top_per_study():
    tables = random_tables()
    genes = list(tables["s0"]["gene"])
    left = set.intersection(*(top(frame, genes, 50) for frame in tables.values()))
    assert chosen(select_genes(tables, n_genes=3, top_per_study=50)) == left


def test_ranks_and_order_of_the_table():
    result = select_genes(random_tables(), n_genes=40)
    assert list(result.columns) == ["gene", "rank_s0", "rank_s1", "rank_s2", "selected"]
    for name in ("rank_s0", "rank_s1", "rank_s2"):
        assert sorted(result[name]) == list(range(1, 201))
    worst = result[["rank_s0", "rank_s1", "rank_s2"]].max(axis=1)
    assert worst.is_monotonic_increasing and result["selected"].iloc[:40].all()


def test_one_study():
    frame = table(list("abcd"), [1, 4, 3, 2])
    assert select_genes({"x": frame}, n_genes=2)["gene"].tolist() == ["b", "c", "d", "a"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=25), st.integers(2, 10), st.randoms())
def test_ties_do_not_depend_on_the_order_of_the_rows(scores, n_genes, random):
    genes = [f"g{at:02d}" for at in range(len(scores))]
    first = table(genes, np.array(scores) + 1)
    order = list(range(len(genes)))
    random.shuffle(order)
    second = first.iloc[order].reset_index(drop=True)
    one = select_genes({"a": first, "b": second}, n_genes=n_genes)
    two = select_genes({"a": second, "b": first}, n_genes=n_genes)
    pd.testing.assert_frame_equal(one, two)
    assert one["selected"].sum() == min(n_genes, len(genes))


def test_genes_that_some_study_lacks_are_left_out():
    tables = {"a": table(list("abcd"), [9, 3, 2, 1]), "b": table(list("bcde"), [1, 2, 3, 9])}
    result = select_genes(tables, n_genes=3)
    assert set(result["gene"]) == set("bcd") and result["rank_a"].max() == 3


def test_genes_that_do_not_vary_in_some_study_are_not_selected(caplog):
    tables = {"a": table(list("abcd"), [4, 3, 2, 1]), "b": table(list("abcd"), [0, 3, 2, 1])}
    with caplog.at_level(logging.WARNING, logger="panscape"):
        assert chosen(select_genes(tables, n_genes=4)) == set("bcd")
    assert "n_genes is 4, but only 3" in caplog.text
    assert chosen(select_genes(tables, top_per_study=4)) == set("bcd")


def test_excluded_genes_take_no_rank():
    genes = ["MT-ND1", "RPS3", "RPS6KA1", "HBB", "X1", "X2"]
    tables = {"a": table(genes, [9, 8, 7, 6, 5, 4]), "b": table(genes, [9, 8, 7, 6, 5, 4])}
    result = select_genes(
        tables, n_genes=2, exclude=["mitochondrial", "ribosomal", "^HB[AB]"], species="human"
    ).set_index("gene")
    assert chosen(result.reset_index()) == {"RPS6KA1", "X1"}
    assert result.loc["RPS6KA1", "rank_a"] == 1 and result.loc["HBB", ["rank_a", "rank_b"]].isna().all()
    assert len(result) == 6
    assert chosen(select_genes(tables, n_genes=2, exclude=[], species="human")) == {"MT-ND1", "RPS3"}


def test_scores():
    frame = table(list("abc"), [3, 2, 1], n_cells=[1, 2, 3], mean=[0.1, 9.0, 1.0])
    for score, best in (("dispersion", "a"), ("second-moment", "b"), ("detection", "c")):
        assert select_genes({"s": frame}, n_genes=2, score=score)["gene"].iloc[0] == best


def test_rarely_found_genes():
    frame = table(list("abc"), [3, 2, 1], n_cells=[1, 20, 30])
    other = table(list("abc"), [3, 2, 1], n_cells=[50, 60, 40])
    result = select_genes(
        {"s": frame, "t": other}, n_genes=3, min_detection=0.1, n_cells={"s": 100, "t": 100}
    )
    assert chosen(result) == {"b", "c"}


def test_no_gene_in_common_shows_examples():
    tables = {"lab1": table(["Fos", "Jun"], [1, 2]), "lab2": table(["ENSMUSG1", "ENSMUSG2"], [1, 2])}
    with pytest.raises(UserError) as caught:
        select_genes(tables)
    text = str(caught.value)
    assert "lab1: Fos, Jun" in text and "lab2: ENSMUSG1" in text and "genes.mapping" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"top_per_study": 2}, "preprocess.top_per_study: 1 of the 4"),
        ({"exclude": ["."]}, "preprocess.exclude_genes, preprocess.min_detection: 0 of the 4"),
        ({"exclude": ["^a", "("]}, r"preprocess.exclude_genes\[1\]"),
    ],
)
def test_too_few_genes_left(options, words):
    tables = {"a": table(list("abcd"), [4, 3, 2, 1]), "b": table(list("abcd"), [1, 4, 2, 3])}
    with pytest.raises(UserError, match=words):
        select_genes(tables, n_genes=3, **options)
