"""Names of entries, and names that R changed."""

import logging

import pandas as pd
import pytest

from panscape.coscape.dictionary.names import name_entries
from panscape.data.gene_sets import restrict, unmangled
from panscape.plot.names import entry_labels

GENES = [f"G{i}" for i in range(200)]


def test_entries_are_called_by_their_best_set():
    placed = pd.DataFrame({"gene": GENES, "entry": "", "kme": 0.3})
    placed.loc[:9, "entry"], placed.loc[10:19, "entry"], placed.loc[20:29, "entry"] = "a", "b", "c"
    placed.loc[20:29, "kme"] = -0.3  # negative genes do not name an entry
    sets = {"wide": GENES[:40], "exact": GENES[:9], "other": GENES[100:130], "negative": GENES[20:30]}
    table = name_entries(placed, ["a", "b", "c"], [restrict(sets, GENES, library="made")]).set_index("entry")
    assert table.loc["a", ["name", "library", "name_overlap"]].tolist() == ["exact", "made", 9]
    assert table.loc["a", "name_fdr"] < 1e-6 and table.loc["b", "name"] == "wide"
    assert table.loc["c", "name"] == "" and pd.isna(table.loc["c", "name_fdr"])
    assert (name_entries(placed, ["a"], [])["name"] == "").all()


def test_names_that_r_changed_are_matched(caplog):
    genes = ["HLA.DRA", "HLA.DRB1", "X7SK", "ACTB", "MT.CO1", "A.B", *GENES]
    sets = {"mhc": ["HLA-DRA", "HLA-DRB1", "7SK", "ACTB", "MT-CO1"]}
    with caplog.at_level(logging.INFO):
        one = restrict(sets, genes, library="made", low=0.0)
    assert one.member.indices.tolist() == [0, 1, 2, 3, 4] and list(one.genes) == genes
    assert "4 names that R changed" in caplog.text and "5 of 206 analysed genes (2 %)" in caplog.text


@pytest.mark.parametrize(
    ("genes", "known", "expected"),
    [
        (["A.B"], {"A.B", "A-B"}, {}),  # the sets know it
        (["A.B", "A-B"], {"A-B"}, {}),  # another gene has the name
        (["XIST"], {"IST"}, {}),  # X before a letter is no sign of R
        (["A.B", "A/B"], {"A/B", "C"}, {}),
        (["NKX2.1"], {"NKX2-1"}, {"NKX2.1": "NKX2-1"}),
    ],
)
def test_only_clear_names_are_mended(genes, known, expected):
    assert unmangled(genes, known) == expected


def test_labels_are_short_and_never_empty():
    table = pd.DataFrame(
        {"entry": ["entry-01", "entry-02"], "top_genes": ["A, B, C", None], "name": ["X" * 90, None]}
    )
    labels = entry_labels(table, ["entry-01", "entry-02", "entry-03"])
    assert len(labels["entry-01"]) <= 48 and labels["entry-01"].endswith("…: A, B, C")
    assert labels["entry-02"] == "entry-02" and labels["entry-03"] == "entry-03"
