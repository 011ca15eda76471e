"""Labels and ages in the notations that people use."""

import numpy as np
import pandas as pd
import pytest

from panscape.data.ages import GESTATION, parse, proposal
from panscape.data.labels import missing_words, unify_truth
from panscape.data.readers.columns import decimal_commas, mapped_column
from panscape.data.readers.keep import keep_mask
from panscape.errors import UserError


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("E13.5", 13.5), ("embryonic day 9", 9), ("P7", 7), ("PND 21", 21), ("P53", 53),
        ("12 weeks", 84), ("8 pcw", 56), ("11 wpc", 77), ("GW14", 84), ("GW 14", 84), ("14 GW", 84),
        ("Carnegie stage 20", 51), ("CS23", 56), ("3 mo", 91.3125), ("18m", 547.875), ("2 y", 730.5),
        ("45-year-old stage", 45 * 365.25), ("30 years", 30 * 365.25), ("10,5", 10.5), ("24 hpf", 1),
        ("80 year-old and over stage", 80 * 365.25), ("45-50", 47.5), ("60+", 60), ("3 dpf", 3),
        ("20\u201330 years", 25 * 365.25), ("adult", None), ("unknown", None), ("", None),
        ("Theiler stage 22", 14), ("TS 23", 15), ("TS40", None), ("Carnegie stage 10 (CS10)", 22),
        ("CS99", None), ("infant stage (1-23 months)", 365.25),
        ("day 3", 3), ("D10", 10), ("week 12", 84), ("PCW12", 84), ("6 post-conception weeks", 42),
        ("15th week post-fertilization human stage", 101.5), ("third decade stage", 25 * 365.25),
        ("newborn human stage", 0), ("newborn stage (0-28 days)", 14), ("65-79 year-old stage", 72 * 365.25),
        ("3-month-old human stage", 91.3125), ("90 year-old and over human stage", 90 * 365.25),
        ("E14-E15", 14.5), ("E8.5-9", 8.75), ("13.5 dpc", 13.5), ("E13.5 dpc", 13.5), ("P0-P3", 1.5),
        ("PN7", 7),
        ("embryonic day 13.5", 13.5), ("mouse E13.5", 13.5), ("2 years 3 months", 2.25 * 365.25), ("d7", 7),
        ("GW14+3", 87), ("7+3 weeks", 52), ("36 weeks GA", 238), ("30s", 35 * 365.25), ("<1 year", 365.25),
        ("1,234", None), ("E18.5_rep1", None), ("infant stage", None), ("L4", None), ("45 50", None),
    ],
)  # fmt: skip
def test_ages_in_text(text, days):
    age = parse(text)
    assert (age is None and days is None) or age.days == pytest.approx(days)


def test_ages_before_and_after_birth_are_in_order():
    text = proposal(["E10.5", "E13.5", "P0", "P7"], "mouse", "days")
    born = GESTATION["mouse"]
    assert f"{{E10.5: 10.5, E13.5: 13.5, P0: {born:g}, P7: {born + 7:g}}}" in text and "gestation" in text


def test_stages_of_cellxgene_around_birth_are_in_order():
    texts = [
        "15th week post-fertilization stage",
        "newborn stage (0-28 days)",
        "Carnegie stage 20",
        "2-year-old stage",
    ]
    text = proposal(texts, "human", "days")
    for pair in ("stage: 101.5", "(0-28 days): 280", "20: 51", f"2-year-old stage: {266 + 730.5:g}"):
        assert pair in text
    assert "since when" in proposal(["E13.5", "12 weeks"], "mouse") and "since when" not in text


def test_ages_in_several_units_have_one():
    assert proposal(["3 mo", "2 y", "18 mo"], unit="months") == (
        "unit: months, values: {18 mo: 18, 2 y: 24, 3 mo: 3} (since birth)"
    )


def test_a_species_without_known_gestation_gets_no_false_order():
    assert proposal(["E10.5", "P0"], "zebrafish") == ""


@pytest.mark.parametrize(
    "texts",
    [["8,5", "10.5 d"], ["true", "5 y"], ["45-50", "60+"], ['a "b"', "3 d"], ["x: y", "3 d"], ["- 1", "2 d"]],
)
def test_a_proposal_is_valid_yaml(texts):
    import yaml

    text = proposal(texts, "human")
    settings = yaml.safe_load("{" + text[: text.rindex("}") + 1] + "}")
    assert set(settings["values"]) == set(texts)


def column(values, entry=None, name="cell_type", **more):
    table = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    return mapped_column(
        name, {"column": "x"} | (entry or {}), table, {"id": "s", "species": "mouse"}, "s", **more
    )


def test_words_for_missing_are_missing_unless_they_are_translated(caplog):
    with caplog.at_level("INFO", logger="panscape"):
        values = column(["neuron", "unknown", " N/A ", "-", None])
    assert values.isna().tolist() == [False, True, True, True, True] and "'unknown'" in caplog.text
    assert column(["neuron", "unknown"], {"values": {"unknown": "unknown"}}).tolist() == ["neuron", "unknown"]
    assert column(["neuron", "doublet"], {"values": {"doublet": None}}).isna().tolist() == [False, True]
    assert missing_words(pd.Series(["+", "-"])) == [] and column(["none", "drug"]).notna().all()


@pytest.mark.parametrize(
    "values", [[True, False, True], ["TRUE", "FALSE", "TRUE"], ["true", "False", "true"]]
)
def test_true_and_false_have_one_notation(values):
    assert column(values, name="treated").tolist() == ["True", "False", "True"]
    assert unify_truth(pd.Series(["T", "F"])).tolist() == ["T", "F"]


def test_truth_values_with_a_missing_one_stay_labels():
    values = column(pd.Categorical([True, None, False]), name="treated")
    assert values.tolist()[::2] == ["True", "False"] and values.isna().tolist() == [False, True, False]


def test_blanks_at_labels_do_not_make_classes():
    assert set(column(["T cell", "T cell ", "T cell\u00a0"])) == {"T cell"}


def test_keep_takes_true_in_text():
    table = pd.DataFrame({"doublet": ["TRUE", "FALSE", None], "other": ["a", "b", "c"]})
    assert keep_mask("not doublet", table, "keep").tolist() == [False, True, True]
    assert keep_mask("doublet == 'FALSE'", table, "keep").tolist() == [False, True, False]
    assert keep_mask("flag == 'FALSE'", pd.DataFrame({"flag": [True, False]}), "keep").tolist() == [
        False,
        True,
    ]
    with pytest.raises(UserError, match="is compared with the truth"):
        keep_mask("not other", table, "keep")


def test_decimal_commas():
    assert column(["10,5", "8"], name="age").tolist() == [10.5, 8.0]
    thousands = pd.Series(["1,234", "10,000"], dtype=object)
    assert decimal_commas(thousands) is thousands


def test_ages_of_cells_that_keep_leaves_out_need_no_number():
    kept = np.array([True, False])
    assert column(["3", "adult"], name="age", kept=kept).tolist()[:1] == [3.0]
    with pytest.raises(UserError, match="adult"):
        column(["3", "adult"], name="age")
    assert column(["P3", "x"], {"values": {"P3": 3}}, name="age", kept=kept).tolist()[:1] == [3.0]


def test_the_error_proposes_ages_that_can_be_pasted():
    with pytest.raises(UserError) as caught:
        column(["E13.5", "P0", "P7"], {"unit": None}, name="age")
    assert "age: {column: x, unit: days, values: {E13.5: 13.5, P0: 19, P7: 26}}" in str(caught.value)
