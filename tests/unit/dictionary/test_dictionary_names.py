"""Names of entries, and names that R changed."""

import logging

import pandas as pd
import pytest

from panscape.coscape.dictionary.names import name_entries
from panscape.data.files import write_tsv
from panscape.data.gene_sets import restrict, unmangled
from panscape.plot.entry_networks import strongest
from panscape.plot.names import entry_labels
from panscape.report.blocks import Table
from panscape.report.entries import titled, titles
from panscape.report.results import Results
from panscape.report.sections import programs

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


@pytest.mark.parametrize("name", ["", "SET"])
def test_the_report_shows_programmes_with_and_without_names(tmp_path, name):
    genes = {"gene": ["A", "B"], "entry": ["entry-01", ""], "kme": [0.4, 0.1], "confidence": [0.99, None]}
    write_tsv(pd.DataFrame(genes).assign(second=""), tmp_path / "programs/genes.tsv")
    row = {
        "entry": "entry-01",
        "kind": "identity",
        "between": 0.5,
        "n_placed": 1,
        "top_genes": "A",
        "name": name,
    }
    row |= {"library": name, "name_overlap": 0, "name_fdr": None}
    write_tsv(pd.DataFrame([row]), tmp_path / "programs/programs.tsv")
    results = Results.of(tmp_path, [tmp_path / "programs"], {"dictionary": {"min_kme": 0.12}})
    assert programs.sentences(results)[0].startswith("1 of 2 genes have a place")
    assert titles(results) == {"entry-01": f"01 {name}: A" if name else "01 A"}
    tables = [block for block in programs.blocks(results) if isinstance(block, Table)]
    assert tables[0].rows[0][0] == titles(results)["entry-01"] and "top_genes" not in tables[0].header
    assert len(tables) == 1 and "0.12" in programs.methods(results)[0]


def test_the_report_says_which_entries_are_part_of_a_programme(tmp_path):
    genes = {"gene": ["A", "B", "C"], "entry": ["entry-01", "entry-01", "entry-02"], "confidence": 0.9}
    write_tsv(pd.DataFrame(genes).assign(kme=0.4, second=""), tmp_path / "programs/genes.tsv")
    rows = pd.DataFrame({"entry": ["entry-01", "entry-02"], "kind": "activity", "top_genes": ["A, B", "C"]})
    rows = rows.assign(programme="entry-01", arm=["", "falls"], joined_kme=[None, -0.3])
    write_tsv(rows, tmp_path / "programs/programs.tsv")
    results = Results.of(tmp_path, [tmp_path / "programs"], {"dictionary": {"min_kme": 0.12}})
    said = programs.sentences(results)[1]
    assert said.startswith("1 entry is part of the programme of another: the genes of 1 fall")
    shown = next(block for block in programs.blocks(results) if isinstance(block, Table))
    header = list(shown.header)
    assert [row[header.index("part of")] for row in shown.rows] == ["–", "01 A, B"]
    assert [row[header.index("with it")] for row in shown.rows] == ["–", "falls"]
    rows = rows.assign(programme=rows["entry"], arm="", joined_kme=None)
    write_tsv(rows, tmp_path / "programs/programs.tsv")
    shown = next(block for block in programs.blocks(results) if isinstance(block, Table))
    assert "part of" not in shown.header and len(programs.sentences(results)) == 1


def test_entries_without_programmes_are_titled_by_marker_genes(tmp_path):
    markers = pd.DataFrame({"entry": "entry-01", "gene": list("DCBA"), "marker_edges": [1, 9, 5, 7]})
    write_tsv(markers, tmp_path / "dictionary/marker_genes.tsv")
    results = Results.of(tmp_path, [tmp_path / "dictionary"], {})
    shown = titled(pd.DataFrame({"entry": ["entry-01", "entry-02"], "second": ["", "entry-01"]}), results)
    assert shown["entry"].tolist() == ["01 C, A, B", "entry-02"]
    assert shown["second"].tolist() == ["", "01 C, A, B"]
    assert titles(Results.of(tmp_path, [], {})) == {}


def test_a_network_is_drawn_by_its_heaviest_edges_and_stays_in_one_piece():
    genes = [f"G{i}" for i in range(8)]
    inside = [(a, b) for i, a in enumerate(genes[:7]) for b in genes[i + 1 : 7]]
    links = pd.DataFrame(inside, columns=["gene_a", "gene_b"]).assign(hops=1)
    links["weight"] = [float(weight) for weight in range(len(links), 0, -1)]
    links.loc[len(links)] = ["G6", "G7", 2, float("nan")]  # joined by a common neighbour only
    graph = strongest(links, genes)
    assert graph.vs["name"] == genes and graph.ecount() == 2 * len(genes) and graph.is_connected()
    assert graph.es[graph.get_eid("G6", "G7")]["hops"] == 2
    assert graph.es[graph.get_eid("G0", "G1")]["weight"] == 21
    dropped = [edge for edge in inside if not graph.are_adjacent(*edge)]
    assert len(dropped) == 6 and all(inside.index(edge) > 14 for edge in dropped)  # the lightest
