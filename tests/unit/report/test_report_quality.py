"""Sentences of the report on cells removed by quality control."""

import html
import re

import made_up
import pytest

from panscape.data.files import read_tsv, write_tsv
from panscape.report.methods import methods
from panscape.report.page import page
from panscape.report.sections import SECTIONS
from panscape.report.sections.preprocess import understood

START = "Study atlas: the fraction of cells that quality control kept"
ENDS = "3 % of donor3, 64 % of donor9"


def text_of(out, config):
    results = made_up.results_of(out, config)
    text = page(results, SECTIONS, methods(results, SECTIONS))
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def expected(collection):
    return text_of(*collection)


def test_uneven_losses_of_cells_are_reported(expected):
    assert f"{START} differs over line ({ENDS}; 16 groups)." in expected
    assert f"{START} goes with outcome (ρ 0.998 over 16 of line; {ENDS})." in expected
    assert f"{START} differs over cell_type" not in expected
    assert "removed most cells" not in expected


def test_cells_removed_by_keep_do_not_count_in_quality_control(expected):
    assert "15,597 cells after quality control (87 % of 18,000 chosen by keep)" in expected
    assert "Cells not chosen by keep belong to no study" in expected.replace("`", "")


def test_automatic_limits_are_in_the_methods(expected):
    words = (
        "three median absolute deviations below the study's median on the log scale, bounded by half of the"
    )
    assert f"{words} median and a tenth of the typical number (500 to 502)" in expected


def test_a_study_that_loses_most_of_its_cells_is_named_with_what_to_write(tmp_path):
    out = made_up.write_results(tmp_path)
    config = made_up.configuration()
    made_up.draw(out, config, names={"map-study", "map-dpt-pseudotime", "spaces", "pseudotime-age"})
    qc = read_tsv(out / "preprocess/qc.tsv")
    atlas = qc["study"] == "atlas"
    qc.loc[atlas & (qc["filter"] == "min_genes"), ["removed", "left", "chosen"]] = [3500, 2500, "given"]
    qc.loc[atlas & (qc["filter"] == "max_mito"), "left"] = 2400
    write_tsv(qc, out / "preprocess/qc.tsv")
    page = text_of(out, config)
    sentence = "Quality control removed most cells of atlas: kept 2,400 of 6,000 cells (keep chose them from "
    sentence += "9,000); min_genes 502 removed 3,500; max_mito 0.2 removed 100; median 900 genes a cell."
    assert sentence in page
    advice = "in the entry of study 'atlas' write qc: {min_genes: auto} (or a number up to about 450)"
    assert advice in page


def test_what_annotations_are_taken_from_is_reported(tmp_path):
    out, config = made_up.write_results(tmp_path), made_up.configuration()
    read = read_tsv(out / "preprocess/understood.tsv")
    plain = understood(made_up.results_of(out, config))
    assert "age" in plain and "not taken" not in plain and "features left out" not in plain
    read["roles"], read["unit"] = "cell_type: annotation", "days"
    read["not_taken"], read["left_out"] = ["donor_id: line", *[""] * (len(read) - 1)], "Antibody Capture: 3"
    write_tsv(read, out / "preprocess/understood.tsv")
    shown = understood(made_up.results_of(out, config))
    assert "age (days)" in shown and set(shown["taken"]) == {"cell_type: annotation"}
    assert shown["not taken"].tolist()[:2] == ["donor_id: line", ""]
    assert set(shown["features left out"]) == {"Antibody Capture: 3"}
