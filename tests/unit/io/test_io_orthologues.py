"""Genes mapped to those of another species."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.readers.open import open_source
from panscape.data.readers.orthologues import (
    RELATIONS,
    read_pairs,
    reference_genes,
    relations,
    sentence,
    summary,
)
from panscape.errors import UserError

PAIRS = pd.DataFrame(
    [("Gcg", "GCG"), ("Ins1", "INS"), ("Ins2", "INS"), ("A", "A1"), ("A", "A2"), ("B", "C1"), ("B", "C2"),
     ("C", "C1")],
    columns=["gene", "orthologue"],
)  # fmt: skip


def test_every_relation():
    table = relations(["Ins2", "Gcg", "A", "B", "C", "Gm1"], PAIRS).set_index("gene")
    assert table["relation"].to_dict() == {
        "Ins2": "summed", "Gcg": "one-to-one", "A": "one-to-many", "B": "many-to-many", "C": "summed",
        "Gm1": "none",
    }  # fmt: skip
    assert table["orthologue"].to_dict() == {
        "Ins2": "INS",
        "Gcg": "GCG",
        "A": "",
        "B": "",
        "C": "C1",
        "Gm1": "",
    }
    strict = relations(["Ins1", "Ins2", "Gcg"], PAIRS, summed=False)
    assert strict["relation"].tolist() == ["many-to-one", "many-to-one", "one-to-one"]
    assert strict["orthologue"].tolist() == ["", "", "GCG"]


def test_numbers_add_up_to_the_genes():
    table = relations(["Ins1", "Ins2", "Gcg", "A", "B", "C", "Gm1"], PAIRS).assign(
        counts=[9, 20, 5, 3, 0, 1, 2.0]
    )
    row = summary(table, "lab", "mouse")
    assert sum(row[name.replace("-", "_")] for name in RELATIONS) == row["genes"] == 7
    assert (row["mapped"], row["reference_genes"]) == (4, 3)
    assert row["counts_lost"] == pytest.approx(5 / 40) and row["largest_lost"] == "A, Gm1"
    text = sentence(row, "human")
    assert text.startswith("lab (mouse): 4 of 7 genes are mapped to 3 human genes (1 one-to-one, 3 summed")
    assert "dropped: 1 without an orthologue, 1 with several orthologues, 1 many-to-many" in text


def study(write, table, *, genes, relation="summed", **more):
    write.genes = [*genes, *(f"Other{at}" for at in range(31 - len(genes)))]
    path = write.folder / "orthologues.tsv"
    path.write_text(table)
    orthologues = {"tables": [str(path)], "relation": relation, "reference": "human"}
    return write.h5ad() | {"species": "mouse", "orthologues": orthologues, **more}


def find(settings):
    return reference_genes(settings, open_source(settings, where="studies[1]"), "human", "studies[1]")


TABLE = "Homo sapiens\tnote\tMOUSE\nGCG\t\tGcg\nins\t\tIns1\nINS\tx\tIns2\nSST\t\tSst\n\t\tOther3\n"


def test_counts_follow_the_orthologues(write, counts):
    found = find(study(write, TABLE, genes=["Sst", "Ins2", "Gm1", "Ins1", "Gcg"]))
    assert list(found.genes.names) == ["SST", "INS", "GCG"]
    brute = np.column_stack([counts[:, 0], counts[:, 1] + counts[:, 3], counts[:, 4]])
    np.testing.assert_array_equal(found.genes.apply(sparse.csr_matrix(counts)).toarray(), brute)
    np.testing.assert_array_equal(
        found.onto.apply(found.own.apply(sparse.csr_matrix(counts))).toarray(), brute
    )


def test_capitals_of_file_and_table_are_those_of_their_species(write):
    found = find(
        study(write, TABLE.upper(), genes=["SST", "INS2", "INS1", "GCG", *(f"OTHER{at}" for at in range(27))])
    )
    assert found.table["relation"].head(4).tolist() == ["one-to-one", "summed", "summed", "one-to-one"]


def test_one_to_one_drops_what_would_be_summed(write):
    found = find(study(write, TABLE, genes=["Sst", "Ins2", "Ins1"], relation="one-to-one"))
    assert list(found.genes.names) == ["SST"]


def test_rows_of_several_tables_are_joined(write, tmp_path):
    settings = study(write, "human\tmouse\nGCG\tGcg\n", genes=["Gcg", "Ins1", "Ins2"])
    (tmp_path / "more.csv").write_text("mouse,human\nIns1,INS\nIns2,INS\n")
    settings["orthologues"]["tables"].append(str(tmp_path / "more.csv"))
    assert list(find(settings).genes.names) == ["GCG", "INS"]


def test_ids_lose_their_version_in_the_table(write):
    genes = [f"ENSMUSG{at:011d}.3" for at in range(3)]
    table = "human\tmouse\n" + "".join(f"G{at}\tENSMUSG{at:011d}.9\n" for at in range(3))
    assert list(find(study(write, table, genes=genes)).genes.names) == ["G0", "G1", "G2"]


def test_the_same_species_needs_no_table(write, counts):
    settings = write.h5ad()
    found = find(settings)
    assert found.onto is None and found.table.empty and found.genes is found.own


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "human\trat\nGCG\tGcg\n",
            r"genes.orthologues .*no column of mouse \(columns: human, rat\) -> name the col",
        ),
        ("human\tmouse\tMus musculus\nGCG\tGcg\tGcg\n", "2 columns of mouse"),
        ("human\tmouse\nA\tB\n", "none of the genes .* has an orthologue of its own"),
    ],
)
def test_tables_that_do_not_fit(write, table, message):
    with pytest.raises(UserError, match=message):
        find(study(write, table, genes=["Gcg"]))


def test_pairs_are_read_in_both_directions(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("human\tmouse\nINS\tIns1\nINS\tIns2\n")
    pairs = read_pairs(str(path), "human", "mouse", "orthologues")
    assert relations(["INS"], pairs)["relation"].tolist() == ["one-to-many"]
