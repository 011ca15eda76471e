"""What the report says of other choices."""

import numpy as np
import pandas as pd
import pytest

from panscape.data.files import write_tsv
from panscape.report.blocks import Paragraph, Picture
from panscape.report.results import Results
from panscape.report.sections import landscape_sensitivity

TABLE = pd.DataFrame(
    {
        "varied": ["as configured", "neighbours", "genes", "weights"],
        "value": ["", "9", "random half 1", "1 for all pairs"],
        "rho_configured": [1.0, 0.953, 0.81, np.nan],
        "rho_age": [0.905, 0.931, 0.74, np.nan],
    }
)


@pytest.fixture
def results_of(tmp_path):
    def made(table, *, figure=True):
        (tmp_path / "landscape").mkdir(exist_ok=True)
        write_tsv(table, tmp_path / "landscape" / "sensitivity.tsv")
        files = [tmp_path / "landscape" / "sensitivity.tsv"]
        if figure:
            files.append(tmp_path / "landscape" / "sensitivity.svg")
            files[-1].write_text('<svg xmlns="http://www.w3.org/2000/svg" width="1pt" height="1pt"></svg>')
        return Results.of(tmp_path, files, {})

    return made


def test_the_worst_of_the_choices_is_said(results_of):
    order, age, without = landscape_sensitivity.sensitivity_sentences(results_of(TABLE))
    assert order == (
        "With 3 other choices the order of the clusters agrees with the configured one at ρ = 0.81 or more "
        "(lowest: genes, random half 1)."
    )
    assert age == (
        "Its ρ with age is 0.91 as configured and 0.74 to 0.93 with these choices "
        "(lowest: genes, random half 1)."
    )
    assert without == "With 1 of these choices there is no order to compare."


def test_nothing_is_said_without_ages_an_order_or_the_table(results_of, tmp_path):
    sentences = landscape_sensitivity.sensitivity_sentences
    assert [text[:4] for text in sentences(results_of(TABLE.iloc[:3].assign(rho_age=np.nan)))] == ["With"]
    assert sentences(results_of(TABLE.assign(rho_age=np.nan, rho_configured=np.nan))) == []
    assert sentences(Results.of(tmp_path, [], {})) == []


def test_the_section_has_the_sentences_above_the_figure(results_of):
    blocks = landscape_sensitivity.sensitivity(results_of(TABLE))
    assert [type(block) for block in blocks[1:]] == [Paragraph, Paragraph, Paragraph, Picture]
    assert landscape_sensitivity.sensitivity(results_of(TABLE, figure=False)) == []
