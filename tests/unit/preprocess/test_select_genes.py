import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.errors import UserError
from panscape.preprocess.genes import genes_of, select_genes, studies_needed


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


@settings(max_examples=60)
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


@pytest.mark.parametrize(
    "present_in, n_studies, needed",
    [
        ("all", 7, 7), ("majority", 7, 4), ("majority", 8, 5), ("majority", 3, 2), ("majority", 2, 2),
        ("majority", 1, 1), (0.5, 7, 4), (0.5, 8, 4), (0.7, 10, 7), (0.01, 3, 1), (0.99, 3, 3),
        (1, 5, 1), (1.0, 5, 1), (3, 5, 3), (9, 5, 5),
    ],
)  # fmt: skip
def test_studies_that_have_to_measure_a_gene(present_in, n_studies, needed):
    assert studies_needed(present_in, n_studies) == needed


@pytest.mark.parametrize("present_in", ["most", 0, -1, 1.5])
def test_other_choices_are_refused(present_in):
    with pytest.raises(ValueError, match="present_in is"):
        studies_needed(present_in, 3)


def some_missing():
    """Return the tables of three studies: G000 to G009 are in two of them, G010 to G019 in one."""
    tables = random_tables()
    lost = [f"G{at:03d}" for at in range(20)]
    tables["s1"] = tables["s1"][~tables["s1"]["gene"].isin(lost)]
    tables["s2"] = tables["s2"][~tables["s2"]["gene"].isin(lost[10:])]
    return tables


def test_genes_of_a_majority_of_studies(caplog):
    tables = some_missing()
    with caplog.at_level(logging.INFO, "panscape"):
        result = select_genes(tables, n_genes=120)
    assert len(result) == 190 and "G005" in set(result["gene"]) and "G015" not in set(result["gene"])
    assert "10 of 200 genes are measured in fewer studies (preprocess.present_in)" in caplog.text
    assert "and not used, e.g. G010, G011" in caplog.text
    by_gene = result.set_index("gene")
    assert by_gene["rank_s1"].isna().sum() == 10 and by_gene["rank_s0"].notna().all()
    # ranks are among the genes that are usable and measured in the study
    for study, number in (("s0", 190), ("s1", 180), ("s2", 190)):
        assert sorted(by_gene[f"rank_{study}"].dropna()) == list(range(1, number + 1))
    worst = by_gene.filter(like="rank_").max(axis=1)
    assert (
        by_gene["selected"].sum() >= 120
        and worst[by_gene["selected"]].max() < worst[~by_gene["selected"]].min()
    )
    here = [gene for gene in result.loc[result["selected"], "gene"] if gene in set(tables["s1"]["gene"])]
    assert genes_of(result, "s1") == here and len(genes_of(result, "s0")) == by_gene["selected"].sum()


def test_genes_of_all_studies_do_not_depend_on_the_others():
    tables = some_missing()
    shared = set.intersection(*(set(frame["gene"]) for frame in tables.values()))
    cut = {study: frame[frame["gene"].isin(shared)] for study, frame in tables.items()}
    pd.testing.assert_frame_equal(
        select_genes(tables, n_genes=90, present_in="all"), select_genes(cut, n_genes=90, present_in="all")
    )


@pytest.mark.parametrize("present_in", ["all", "majority", 0.3, 1])
def test_where_all_studies_measure_all_genes_the_choice_changes_nothing(present_in):
    tables = random_tables()
    pd.testing.assert_frame_equal(
        select_genes(tables, n_genes=70, present_in=present_in),
        select_genes(tables, n_genes=70, present_in="all"),
    )


def test_a_gene_that_no_cell_has_is_not_measured():
    tables = random_tables()
    zero = tables["s1"]["gene"] == "G007"
    tables["s1"] = tables["s1"].assign(n_cells=np.where(zero, 0, 10), variance=np.where(zero, 0, 1.0))
    result = select_genes(tables, n_genes=200).set_index("gene")
    assert np.isnan(float(result["rank_s1"].astype(float)["G007"])) and result.loc["G007", "selected"]
    assert "G007" not in set(select_genes(tables, n_genes=199, present_in="all")["gene"])


def test_a_study_without_the_selected_genes_is_refused():
    tables = random_tables(studies=2) | {"odd": table(["X1", "X2", "X3"], [1, 2, 3])}
    with pytest.raises(
        UserError, match=r"odd measures fewer than two of the \d+ selected genes -> see genes"
    ):
        select_genes(tables, n_genes=20)
