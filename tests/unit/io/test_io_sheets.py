"""Sheets as Excel, R, Python and people write them: the same values from each."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panscape.data.sheets import read_sheet

TABLE = pd.DataFrame(
    {"cell": ["A", "B", "C"], "type": ["T cell", "glia", "x;y|z"], "age": ["10.5", "8", "0.25"]}
)


def read(tmp_path, content: str | bytes, name: str = "sheet.txt") -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_sheet(str(path), "where")


def written(sep: str, **more) -> str:
    text = io.StringIO()
    TABLE.to_csv(text, sep=sep, index=False, **more)
    return text.getvalue()


@pytest.mark.parametrize("sep", ["\t", ",", ";", "|", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_every_separator_line_end_and_encoding(tmp_path, sep, end, encoding):
    content = written(sep, quoting=1).replace("\n", end).encode(encoding)
    pd.testing.assert_frame_equal(read(tmp_path, content), TABLE)


def test_a_header_of_r_that_does_not_name_its_row_names(tmp_path, caplog):
    lines = written("\t").splitlines()
    with caplog.at_level("INFO", logger="panscape"):
        table = read(tmp_path, "\n".join(["type\tage", *lines[1:]]) + "\n")
    assert table.columns.tolist() == ["row names", "type", "age"]
    assert (table.to_numpy() == TABLE.to_numpy()).all() and "row names" in caplog.text


@pytest.mark.parametrize("head", ["# exported 2024\n# by the core, again\n", "#\n\n", "# a\tb\n"])
def test_comments_before_the_header(tmp_path, head):
    pd.testing.assert_frame_equal(read(tmp_path, head + written("\t")), TABLE)


def test_a_header_behind_a_hash(tmp_path):
    pd.testing.assert_frame_equal(read(tmp_path, "#" + written("\t")), TABLE)


def test_blanks_and_missing_values(tmp_path):
    table = read(tmp_path, "cell , type\nA ,\u00a0T cell\u00a0\nB, NA \n C,\n\nD,#N/A\n")
    assert table.columns.tolist() == ["cell", "type"] and table["cell"].tolist() == ["A", "B", "C", "D"]
    assert table["type"].iloc[0] == "T cell" and table["type"].iloc[1:].isna().all()


def test_a_semicolon_beats_the_commas_of_decimals_and_of_names(tmp_path):
    table = read(tmp_path, "cell;age;note (free, text)\nA;10,5;x\nB;8;y\n")
    assert table.columns.tolist() == ["cell", "age", "note (free, text)"] and table["age"].tolist() == [
        "10,5",
        "8",
    ]


def test_one_column_of_sentences_is_one_column(tmp_path):
    assert read(tmp_path, "notes\nA B\nC\n")["notes"].tolist() == ["A B", "C"]


_FIELD = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(
    lambda text: not text.startswith("#") and '"' not in text
)


@given(
    st.lists(st.tuples(_FIELD, _FIELD, _FIELD), min_size=1, max_size=5),
    st.sampled_from(["\t", ",", ";", "|"]),
)
def test_what_pandas_writes_is_read_again(tmp_path_factory, rows, sep):
    table = pd.DataFrame(rows, columns=["a", "b", "c"])
    table = table.mask(
        table.isin(["NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "<NA>", "#N/A", "N.A."])
    )
    text = io.StringIO()
    table.to_csv(text, sep=sep, index=False, quoting=1, na_rep="NA")
    back = read(tmp_path_factory.mktemp("sheet"), text.getvalue())
    assert (
        back.where(back.notna(), None).to_numpy().tolist()
        == table.where(table.notna(), None).to_numpy().tolist()
    )


def test_values_of_a_large_sheet_are_those_of_pandas(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"cell": [f"c{i}" for i in range(3000)], "x": rng.integers(0, 9, 3000).astype(str)})
    pd.testing.assert_frame_equal(read(tmp_path, table.to_csv(index=False)), table)
