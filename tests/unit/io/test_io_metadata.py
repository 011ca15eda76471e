from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from panscape.data.ages import convert_age
from panscape.data.readers.metadata import cell_table, read_metadata
from panscape.data.readers.open import open_source
from panscape.errors import UserError

WHERE = "studies[1]"


def mapped(study: dict, **more) -> pd.DataFrame:
    return read_metadata(study, open_source(study, where=WHERE), WHERE, **more)


def problem(study: dict, **more) -> str:
    with pytest.raises(UserError) as caught:
        mapped(study, **more)
    assert study["path"] in str(caught.value) and "study 's'" in str(caught.value)
    return str(caught.value)


@pytest.fixture
def sheet(write):
    """A function that writes a metadata sheet for a study without obs, and gives the configuration."""

    def make(text: str | bytes, name: str = "cells.tsv", **settings) -> dict:
        path = write.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return write.csv() | {"metadata": {"path": str(path), "barcode": None} | settings}

    return make


def test_columns_and_constants(write, obs):
    study = write.h5ad() | {
        "obs": {
            "age": {"column": "day", "unit": "days"},
            "cell_type": "type",
            "batch": {"column": "plate"},
            "platform": {"value": "10x"},
            "lab": {"value": 3},
            "dose": {"column": "day", "value": None},
        }
    }
    table = mapped(study)
    assert list(table.columns) == ["age", "cell_type", "batch", "platform", "lab", "dose"]
    assert list(table.index) == list(obs.index)
    assert table["age"].dtype == table["dose"].dtype == table["lab"].dtype == float
    np.testing.assert_array_equal(table["age"], obs["day"])
    assert list(table["cell_type"]) == list(obs["type"])
    assert list(table["batch"]) == list(obs["plate"].astype(str))  # a plate's number is a name
    assert set(table["platform"]) == {"10x"} and table["platform"].dtype == "category"


def test_nothing_mapped_gives_no_columns(write, obs):
    table = mapped(write.h5ad())
    assert table.shape == (len(obs), 0) and list(table.index) == list(obs.index)


@pytest.mark.parametrize(
    ("unit", "to", "factor"),
    [("days", "weeks", 1 / 7), ("hours", "minutes", 60), ("years", "months", 12), ("weeks", "hours", 168)],
)
def test_ages_are_converted(write, obs, unit, to, factor):
    study = write.h5ad() | {"obs": {"age": {"column": "day", "unit": unit}}}
    np.testing.assert_allclose(mapped(study, age_unit=to)["age"], obs["day"] * factor)
    assert convert_age(1.0, unit, to) == pytest.approx(factor)


def test_a_year_of_months_is_a_year_of_days():
    assert convert_age(12.0, "months", "days") == pytest.approx(convert_age(1.0, "years", "days"))


@pytest.mark.parametrize("form", ["category", "object", "string"])
def test_numbers_written_as_text_count_as_numbers(write, obs, form):
    write.obs["day"] = obs["day"].astype(str).astype(form)
    study = write.h5ad() | {"obs": {"age": "day"}}
    np.testing.assert_array_equal(mapped(study)["age"], obs["day"].astype(float))


def test_values_say_what_strings_mean(write, obs):
    meaning = {"E8.5": 8.5, "E9": 9, "P0": 19}
    study = write.h5ad() | {"obs": {"age": {"column": "stage", "values": meaning, "unit": "days"}}}
    np.testing.assert_array_equal(mapped(study)["age"], obs["stage"].map(meaning))
    study["obs"] = {"cell_type": {"column": "type", "values": {"neuron": "Neuron"}}}
    assert set(mapped(study)["cell_type"]) == {"Neuron", "glia"}
    # keys that YAML reads as numbers
    study["obs"] = {"batch": {"column": "plate", "values": {1: "a", 2: "b"}}}
    assert list(mapped(study)["batch"]) == list(obs["plate"].map({1: "a", 2: "b"}))


def test_strings_where_numbers_are_due_get_a_ready_answer(write):
    text = problem(write.h5ad() | {"species": "mouse", "obs": {"age": {"column": "stage"}}})
    assert "studies[1].obs.age" in text and "column 'stage' has text where numbers are expected" in text
    assert "{column: stage, unit: days, values: {E8.5: 8.5, E9: 9, P0: 19}}" in text


def test_value_that_has_no_number(write):
    entry = {"column": "stage", "values": {"E8.5": 8.5, "E9": 9}}
    assert "values has no number for P0" in problem(write.h5ad() | {"obs": {"age": entry}})


def test_missing_column_lists_what_there_is(write):
    text = problem(write.h5ad() | {"obs": {"batch": "plait"}})
    assert "studies[1].obs.batch" in text and "no column 'plait'" in text and "day, type, plate" in text


def test_column_without_any_value(write):
    assert "column 'nothing' has no values" in problem(write.h5ad() | {"obs": {"age": "nothing"}})
    write.obs["blank"] = "nan"
    assert "column 'blank' has no values" in problem(write.h5ad() | {"obs": {"line": "blank"}})


def test_all_problems_come_at_once(write):
    study = write.h5ad() | {"obs": {"age": "stage", "batch": "plait", "line": "nothing", "cell_type": "type"}}
    text = problem(study)
    assert text.startswith("3 problems")
    assert all(f"studies[1].obs.{name}" in text for name in ("age", "batch", "line"))


def test_some_missing_values_stay_missing(write, obs):
    write.obs.loc[write.obs.index[:5], "day"] = np.nan
    write.obs["type"] = write.obs["type"].astype(object)
    write.obs.loc[write.obs.index[3:7], "type"] = None
    table = mapped(write.h5ad() | {"obs": {"age": "day", "cell_type": "type"}})
    assert list(table["age"].isna().to_numpy().nonzero()[0]) == [0, 1, 2, 3, 4]
    assert list(table["cell_type"].isna().to_numpy().nonzero()[0]) == [3, 4, 5, 6]
    assert "nan" not in set(table["cell_type"])


def test_infinite_age(write):
    write.obs.loc[write.obs.index[0], "day"] = np.inf
    assert "infinite" in problem(write.h5ad() | {"obs": {"age": "day"}})


def test_true_and_false_become_labels(write, obs):
    table = mapped(write.h5ad() | {"obs": {"doublet": "doublet"}})
    assert list(table["doublet"]) == list(obs["doublet"].astype(str))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"column": "day", "value": 3}, "neither or both"),
        ({"column": None, "value": None}, "neither or both"),
        ({"column": "day", "unit": "fortnights"}, "not a unit of time"),
    ],
)
def test_entry_that_makes_no_sense(write, entry, message):
    assert message in problem(write.h5ad() | {"obs": {"age": entry}})


def test_unit_belongs_to_age(write):
    assert "only age" in problem(write.h5ad() | {"obs": {"dose": {"column": "day", "unit": "days"}}})


@pytest.mark.parametrize("sep", ["\t", ",", ";"])
def test_sheet_is_joined_by_barcode_in_any_order(sheet, cells, caplog, sep):
    ages = dict(zip(cells, range(len(cells)), strict=True))
    rows = [f"{name}{sep}{ages[name]}.5{sep}0{ages[name]}" for name in reversed(cells[2:])]
    study = sheet("\n".join([f"cell{sep}t{sep}plate", *rows, f"other{sep}7{sep}1"]))
    study["obs"] = {"age": "t", "batch": "plate"}
    with caplog.at_level("INFO", logger="panscape"):
        table = mapped(study)
    assert table["age"].isna().sum() == 2 and table["age"].iloc[2:].tolist() == [
        i + 0.5 for i in range(2, 57)
    ]
    assert table["batch"].iloc[2] == "02"  # text stays as it is written
    assert "2 cells without a line" in caplog.text and "1 lines without a cell" in caplog.text


def test_sheet_replaces_columns_of_the_file(write, cells):
    path = write.folder / "cells.csv"
    path.write_text("x,barcode,day\n" + "".join(f"0,{name},{i}\n" for i, name in enumerate(cells)))
    study = write.h5ad() | {"metadata": {"path": str(path), "barcode": "barcode"}, "obs": {"age": "day"}}
    assert mapped(study)["age"].tolist() == list(range(len(cells)))
    assert "type" in cell_table(study, open_source(study, where=WHERE), WHERE)


def test_sheet_that_fits_no_cell(sheet, cells):
    text = problem(sheet("cell\tage\nA\t1\nB\t2\n"))
    assert "studies[1].metadata.barcode" in text and cells[0] in text and "(A, B)" in text


def test_sheet_with_a_barcode_twice(sheet, cells):
    assert f"more than once, e.g. {cells[0]}" in problem(sheet(f"cell\tage\n{cells[0]}\t1\n{cells[0]}\t1\n"))


def test_sheet_without_the_barcode_column(sheet, cells):
    text = problem(sheet(f"cell\tage\n{cells[0]}\t1\n", barcode="barcodes"))
    assert "no column 'barcodes'" in text and "write one of: cell, age" in text


def test_sheet_in_latin1_is_read_with_a_warning(sheet, cells, caplog):
    study = sheet(f"cell\ttype\n{cells[0]}\tMüller\n".encode("latin1")) | {"obs": {"cell_type": "type"}}
    assert mapped(study)["cell_type"].iloc[0] == "Müller"
    assert "is not UTF-8: byte 0xfc in line 2" in caplog.text and "Latin-1" in caplog.text


def test_sheet_saved_with_a_byte_order_mark(sheet, cells):
    study = sheet("cell\tage\n".encode("utf-8-sig") + f"{cells[0]}\t1\n".encode(), barcode="cell")
    assert mapped(study | {"obs": {"age": "age"}})["age"].iloc[0] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a\ta\n1\t2\n", "columns of the same name: a"),
        ('a\tb\n1\t"2\n', "cells.tsv"),
        ("a\tb\n", "no barcode of the sheet (none) is among the cells"),
        ("a\tb\nx\t1\t2\ny\t3\n", "line 2 of"),
        ("a\tb\nx\t1\t2\ny\t3\n", "has 3 fields (x, 1, 2), its header 2 (a, b)"),
        ("a\tb\nx\t1\ny", "cells.tsv has 1 fields (y), its header 2 (a, b)"),
        ("a,b\nx,1\ny", "line 3 of"),
        ("# by hand\na,b\nx,1\n\ny", "line 5 of"),
        (b"PK\x03\x04\x14\x00\xa0\xb1", "workbook of Excel"),
        (b"\x00\x01\xff\xfe\x81\n", "not text"),
    ],
)
def test_damaged_sheets(sheet, text, message):
    assert message in problem(sheet(text))


def test_a_sheet_without_a_line_end_or_with_separators_at_line_ends(sheet, cells):
    text = "cell\tkind\n" + "\n".join(f"{cell}\t{at}" for at, cell in enumerate(cells))
    for form in (text, text.replace("\n", "\t\n").replace("kind\t\n", "kind\n") + "\t\n"):
        study = sheet(form)
        table = cell_table(study, open_source(study, where="s"), "s")
        assert table["kind"].tolist() == list(range(len(cells)))


def test_sheet_that_is_missing_or_a_folder(write):
    study = write.csv()
    assert "no file nowhere.tsv" in problem(study | {"metadata": {"path": "nowhere.tsv"}})
    assert "is a folder" in problem(study | {"metadata": {"path": str(write.folder)}})
