"""Tables of counts as programs and people write them: separators, decimal commas, columns of text."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.readers.fields import find_separator, first_field, n_annotations
from panscape.data.readers.genes import gene_map
from panscape.data.readers.metadata import read_metadata
from panscape.data.readers.open import open_source
from panscape.errors import UserError

CELLS = [f"S1_c{at}" for at in range(12)]
GENES = ["ACTB", "GAPDH", "SOX2", "PAX6", "NES"]
COUNTS = pd.DataFrame(np.random.default_rng(0).poisson(2.0, (12, 5)), index=CELLS, columns=GENES)


def read(path, text, encoding="utf-8", **more):
    path.write_bytes(text.encode(encoding))
    study = {"id": "s", "path": str(path), **more}
    source = open_source(study, where="studies[0]")
    genes = gene_map(study, source, "other", "studies[0]")
    whole = sparse.vstack([genes.apply(block) for _, block in source.blocks(max_values=11)]).toarray()
    return pd.DataFrame(whole, index=source.cells, columns=genes.names), source


def same(table):
    assert table.index.tolist() == CELLS and table.columns.tolist() == GENES
    np.testing.assert_array_equal(table.to_numpy(), COUNTS.to_numpy())
    return True


def of_r(separator):
    head = separator.join(f'"{name}"' for name in GENES)
    rows = [f'"{cell}"' + "".join(f"{separator}{value}" for value in COUNTS.loc[cell]) for cell in CELLS]
    return "\n".join([head, *rows]) + "\n"


@pytest.mark.parametrize("name", ["s.csv", "s.txt", "s.tsv"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|", " "])
def test_any_separator_under_any_name(tmp_path, name, separator):
    text = COUNTS.rename_axis("cell").to_csv(sep=separator)
    assert same(read(tmp_path / name, text)[0])
    assert same(read(tmp_path / name, of_r(separator))[0])


def test_decimal_commas_and_blanks_around_names(tmp_path):
    commas = COUNTS.map(lambda value: f"{value},0").to_csv(sep=";")
    assert same(read(tmp_path / "s.csv", commas)[0])
    padded = COUNTS.set_axis([f"{cell} " for cell in CELLS]).set_axis([f" {g}\u00a0" for g in GENES], axis=1)
    assert same(read(tmp_path / "s.csv", padded.to_csv())[0])
    with pytest.raises(UserError, match="fractional values"):
        from panscape.data.readers.integers import check_counts

        halves = COUNTS.map(lambda value: f"{value},5").to_csv(sep=";")
        check_counts(read(tmp_path / "s.csv", halves)[1].sample(), "s")


def test_text_in_utf_16_has_its_cure(tmp_path):
    with pytest.raises(UserError, match=r"UTF-16 -> save it as UTF-8, e\.g\. iconv -f utf-16"):
        read(tmp_path / "s.txt", COUNTS.to_csv(sep="\t"), "utf-16")


def test_columns_of_text_before_the_counts_annotate_the_rows(tmp_path):
    genes = COUNTS.T.set_axis([f"ENSG{at:011d}" for at in range(5)])
    genes.insert(0, "description", ["actin, beta", 'a "b"', "c", "d", "e"])
    genes.insert(0, "gene_name", GENES)
    more = {"orientation": "genes-by-cells", "genes": {"column": "gene_name"}}
    assert same(read(tmp_path / "s.csv", genes.to_csv(), **more)[0])
    cells = COUNTS.copy()
    cells.insert(0, "cell_type", np.resize(["a", "b, c"], 12))
    table, source = read(tmp_path / "s.csv", cells.to_csv(), obs={"cell_type": "cell_type"})
    assert same(table)
    kinds = read_metadata({"id": "s", "obs": {"cell_type": "cell_type"}}, source, "s")["cell_type"]
    assert kinds.tolist() == cells["cell_type"].tolist() and source.obs_columns == ["cell_type"]


def test_places_of_feature_counts_are_no_counts(tmp_path):
    table = COUNTS.T.copy()
    for at, name in enumerate(["Chr", "Start", "End", "Strand", "Length"]):
        table.insert(at, name, ["chr1;chr1", "100;300", "200;400", "+;+", 202][at])
    text = "# Program:featureCounts v2.0.1\n" + table.rename_axis("Geneid").to_csv(sep="\t")
    assert same(read(tmp_path / "s.txt", text, orientation="genes-by-cells")[0])


def test_a_wrong_value_is_no_column_of_text(tmp_path):
    lines = COUNTS.to_csv().splitlines()
    lines[1] = "S1_c0,x,1,1,1,1"
    with pytest.raises(
        UserError, match=r"line 2 \(row 'S1_c0'\): could not convert string 'x' to float64 ->"
    ):
        read(tmp_path / "s.csv", "\n".join(lines) + "\n")
    assert n_annotations(["a", "b"], [["NA", "1"], ["", "2"]]) == 0
    assert n_annotations(["a"], [["x"], ["y"]]) == 0  # nothing would be left


def test_a_table_without_names_of_rows_is_told(tmp_path):
    with pytest.raises(UserError, match=r"first column \(ACTB\) has numbers that repeat, not names"):
        read(tmp_path / "s.csv", COUNTS.to_csv(index=False))


def test_the_usual_separator_stays_where_it_fits():
    assert find_separator(["a,b;c", "1,2;3"], ",") == "," and find_separator(["a\tb", "1\t2"], ",") == "\t"
    assert first_field('"a ""b""",1', ",", 1) == ('a "b"', "1")
