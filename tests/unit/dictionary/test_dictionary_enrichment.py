from pathlib import Path

import gseapy
import numpy as np
import pytest
from gseapy.stats import calc_pvalues
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom
from statsmodels.stats.multitest import multipletests

from panscape.coscape.dictionary.enrich import enrich_genes, group_gene_sets, overrepresented_sets
from panscape.data.gene_sets import named_paths, read_gene_sets, restrict
from panscape.errors import UserError


@pytest.fixture
def library():
    rng = np.random.default_rng(0)
    genes = [f"Gene{i}" for i in range(400)]
    outside = [f"Other{i}" for i in range(100)]
    sets = {
        f"term {j}": list(rng.choice(genes + outside, rng.integers(3, 60), replace=False)) for j in range(80)
    }
    return sets, genes


def write_gmt(path, text):
    path.write_text(text)
    return path


def test_pvalues_equal_scipy_gseapy_and_statsmodels(library):
    sets, genes = library
    query = [*genes[10:60], "NotAnalysed"]
    restricted = restrict(sets, genes, library="x", min_size=1, max_size=10**6)
    table = overrepresented_sets(query, restricted).set_index("term")
    background = set(genes)
    for term, row in table.iterrows():
        inside = set(sets[term]) & background
        overlap = len(inside & set(query))
        expected = hypergeom.sf(overlap - 1, 400, len(inside), 50)
        assert row["pvalue"] == pytest.approx(expected, rel=1e-12, abs=1e-300)
        assert (row["size"], row["overlap"], row["query"]) == (len(inside), overlap, 50)
        assert set(filter(None, row["genes"].split(";"))) == inside & set(query)
    np.testing.assert_allclose(
        table["fdr"], multipletests(table["pvalue"], method="fdr_bh")[1], rtol=1e-12, atol=1e-15
    )
    names, pvalues, odds, overlaps, sizes, _ = map(list, calc_pvalues(query, sets, background))
    np.testing.assert_allclose(table.loc[names, "pvalue"], pvalues, rtol=1e-12)
    np.testing.assert_allclose(table.loc[names, "odds_ratio"], odds, rtol=1e-12)
    assert table.loc[names, "overlap"].tolist() == overlaps and table.loc[names, "size"].tolist() == sizes


def test_set_sizes_count_analysed_genes_only(library):
    sets, genes = library
    restricted = restrict(sets, genes, library="x", min_size=10, max_size=30)
    sizes = {term: len(set(members) & set(genes)) for term, members in sets.items()}
    assert set(restricted.terms) == {term for term, size in sizes.items() if 10 <= size <= 30}


def test_enrich_finds_the_planted_term_and_groups_copies(library):
    sets, genes = library
    planted = genes[:20]
    sets = {**sets, "planted": planted, "planted again": [*planted[:18], genes[50]], "apart": genes[200:215]}
    query = {"entry-01": planted[:15] + genes[200:212], "entry-02": [], "entry-03": genes[300:302]}
    one = restrict(sets, genes, library="one")
    table = enrich_genes(query, [one], nominal=1e-3)
    top = table[(table["entry"] == "entry-01") & table["nominal"]].set_index("term")
    assert top.loc["planted", "group"] == top.loc["planted again", "group"] != top.loc["apart", "group"]
    smaller = (
        top.loc["planted again", "pvalue"] < top.loc["planted", "pvalue"]
    )  # same overlap, one gene fewer
    assert smaller and top.loc["planted again", "representative"] and not top.loc["planted", "representative"]
    assert top["representative"].sum() == top["group"].nunique()
    assert (table["overlap"] > 0).all() and not (table["entry"] == "entry-02").any()
    assert (table["nominal"] == (table["pvalue"] < 1e-3)).all()
    assert enrich_genes({}, [one]).columns.tolist() == table.columns.tolist()


def test_consolidate_by_hand():
    sets = [{"a", "b", "c"}, {"x", "y"}, {"a", "b", "c", "d"}, {"y"}]
    assert group_gene_sets(sets, 0.5).tolist() == [0, 1, 0, 1]
    assert group_gene_sets(sets, 0.8).tolist() == [0, 1, 2, 3]
    assert group_gene_sets(sets[:1]).tolist() == [0]
    assert group_gene_sets([]).tolist() == []


def test_read_equals_gseapy(tmp_path):
    path = write_gmt(tmp_path / "a.gmt", "t1\td\tA\tB\nt2\t\tC\n\n")
    assert read_gene_sets(path) == gseapy.read_gmt(str(path)) == {"t1": ["A", "B"], "t2": ["C"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no gene set"),
        ("\n \n", "no gene set"),
        ("term\tdescription\n", "line 1 has 2"),
        ("a\tb\tX\nterm with blanks X Y\n", "line 2 has 1"),
        ("a\tb\tX\na\tb\tY\n", "repeats the name 'a' of line 1"),
        ("a\tb\t\t\n", "line 1"),
    ],
)
def test_bad_files_are_reported(tmp_path, text, message):
    path = write_gmt(tmp_path / "bad.gmt", text)
    with pytest.raises(UserError, match=message) as caught:
        read_gene_sets(path)
    assert "bad.gmt" in str(caught.value)


def test_all_bad_lines_are_told_but_not_endlessly(tmp_path):
    path = write_gmt(tmp_path / "bad.gmt", "one column\n" * 50)
    with pytest.raises(UserError) as caught:
        read_gene_sets(path)
    assert len(caught.value.problems) == 6 and "45 more" in str(caught.value)


# without blanks, byte order marks and the like, which are taken off the ends of names
names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp")), min_size=1, max_size=8
)


@settings(max_examples=50)
@given(st.dictionaries(names, st.lists(names, min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_names_survive(tmp_path_factory, sets):
    path = tmp_path_factory.mktemp("gmt") / "any.gmt"
    path.write_text(
        "".join("\t".join([term, "x", *genes]) + "\n" for term, genes in sets.items()), encoding="utf-8"
    )
    assert read_gene_sets(path) == sets


def test_no_common_gene_is_an_error_that_names_the_case(library):
    sets, genes = library
    upper = {term: [gene.upper() for gene in members] for term, members in sets.items()}
    with pytest.raises(UserError, match=r"none of the 400 genes.*match when upper and lower case"):
        restrict(upper, genes, library="human")
    with pytest.raises(UserError, match="none of the 400 genes") as caught:
        restrict({"t": ["foo"]}, genes, library="other")
    assert "case" not in str(caught.value)


def test_low_overlap_is_a_warning_with_numbers(library, caplog):
    sets, genes = library
    restrict({"t": [*genes[:30], "X"]}, genes, library="few", min_size=1)
    assert "only 30 of 400 analysed genes" in caplog.text
    caplog.clear()
    mixed = {"t": genes[:60] + [gene.upper() for gene in genes[60:]]}
    restrict(mixed, genes, library="mixed")
    assert "60 of 400" in caplog.text and "400 match when upper and lower case" in caplog.text
    caplog.clear()
    restrict(sets, genes, library="fine")
    assert "WARNING" not in caplog.text


def test_libraries_are_named_by_their_files_or_by_the_user():
    given = [
        "a/GO.gmt",
        Path("b/kegg.gmt.gz"),
        {"path": "c/GO.gmt", "name": "own"},
        {"path": "x.gmt", "name": None},
    ]
    names = {"GO": "a/GO.gmt", "kegg": "b/kegg.gmt.gz", "own": "c/GO.gmt", "x": "x.gmt"}
    assert named_paths(given) == names
    with pytest.raises(UserError, match=r"'GO'.*give one of them another name"):
        named_paths(["a/GO.gmt", "c/GO.gmt"])
