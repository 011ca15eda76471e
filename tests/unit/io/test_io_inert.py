"""Text in written tables that a spreadsheet would run, and that our readers read back as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panscape.data.files import read_tsv, write_tsv
from panscape.data.inert import inert, inert_table, restored

BAD = ["=HYPERLINK(1)", "+1+cmd|x", "-2-3", "@SUM(1)", "'=x", "''-y", "=1", "\t=1", "-x"]
GOOD = ["SOX2", "CD4+", "-", "+", "-0.5", "+1e-3", "5'-end", "'", "'a", "", "-inf"]


@pytest.mark.parametrize("text", BAD)
def test_formulas_become_text(text):
    assert inert(text) == f"'{text}" and restored(inert(text)) == text


@pytest.mark.parametrize("text", GOOD)
def test_other_text_stays(text):
    assert inert(text) == text == restored(text)


@given(st.text(alphabet="'=+-@ax1.\t\n", max_size=6))
def test_what_was_written_is_read(text):
    written = inert(text)
    assert restored(written) == text
    runs = written[:1] in tuple("=+-@\t\n") and len(written) > 1
    if runs:
        float(written)  # a number: nothing is run


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_tables_are_read_as_they_were(tmp_path, name):
    table = pd.DataFrame(
        {
            "gene": BAD,
            "@role": pd.Categorical(BAD),
            "effect": -np.arange(9.0) - 0.5,
            "n": ["-5", *["x"] * 8],
        }
    )
    write_tsv(table, tmp_path / name)
    raw = pd.read_csv(tmp_path / name, sep="\t")
    assert all(text.startswith("'") for text in [*raw["gene"], *raw["'@role"]])
    assert raw["effect"].tolist() == table["effect"].tolist()
    read = read_tsv(tmp_path / name, dtype={"n": str})
    pd.testing.assert_frame_equal(read, table.assign(**{"@role": BAD}).astype({"n": read["n"].dtype}))
    assert list(read.columns) == ["gene", "@role", "effect", "n"]
    assert read_tsv(tmp_path / name, index_col="gene").index.tolist() == BAD
    assert read_tsv(tmp_path / name, dtype="category")["gene"].cat.categories.isin(BAD).all()


def test_other_tables_are_not_copied():
    table = pd.DataFrame({"gene": GOOD, "x": range(len(GOOD))})
    assert inert_table(table) is table
    changed = inert_table(table.rename(columns={"x": "-x"}))
    assert list(changed.columns) == ["gene", "'-x"] and list(table.columns) == ["gene", "x"]
