"""Columns that stages name are mapped by the studies of the stage, which is told before the first job."""

from __future__ import annotations

import pytest

from panscape.config.load import load
from panscape.errors import UserError


def collection(**sections):
    obs = {"cell_type": "type", "batch": "plate"}
    multi = {"id": "m", "path": "m.h5mu", "use": ["metacells"], "obs": obs}
    other = {"id": "n", "path": "n.h5mu", "use": ["metacells"], "obs": {"cell_type": "type"}}
    lab = {"id": "a", "path": "a.h5ad", "obs": {"donor": "donor"}}
    lab2 = {"id": "b", "path": "b.h5ad", "obs": {"tissue": "tissue"}}
    return {
        "collection": "t",
        "landscape": {"root": "none"},
        "studies": [multi, other, lab, lab2],
        **sections,
    }


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"coem": {"batch_key": "bach"}},
            "coem.batch_key: no study of metacells maps a column 'bach' -> did you mean",
        ),
        ({"coem": {"batch_key": "batch"}}, "coem.batch_key: study 'n' maps no column 'batch'"),
        (
            {"coem": {"batch_key": "donor"}},
            "map it in studies[].obs (cell_type, batch mapped), or write auto or null",
        ),
        ({"coem": {"condition_on": "type"}}, "coem.condition_on: no study of metacells maps a column 'type'"),
        (
            {"features": {"label": "celltype"}},
            "features.label: no study of unicoord maps a column 'celltype'",
        ),
        ({"features": {"unit": "batch"}}, "features.unit: no study of unicoord maps a column 'batch'"),
    ],
)
def test_columns_that_are_not_mapped(sections, message):
    with pytest.raises(UserError) as caught:
        load(collection(**sections))
    assert message in str(caught.value) and len(caught.value.problems) == 1


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"coem": {"batch_key": None, "condition_on": "cell_type"}},
        {"coem": {"batch_key": "auto"}},
        {"features": {"label": "cell_type", "unit": "donor"}},
        {"features": {"label": "tissue", "unit": "study"}},
        {"features": {"label": None, "unit": None}},
        {"coem": {"batch_key": "sample"}, "metacells": {"pool": True}},
    ],
)
def test_columns_that_are(sections):
    load(collection(**sections))


def test_nothing_is_asked_of_analyses_without_studies():
    raw = collection(coem={"batch_key": "gone"})
    load({**raw, "studies": raw["studies"][2:]})


@pytest.mark.parametrize(("section", "tested"), [("dictionary", "compare"), ("networks", "phenotypes")])
def test_columns_of_tests_are_mapped(section, tested):
    lab = {"id": "a", "path": "a.h5ad", "use": ["landscape", "sivae"], "obs": {"donor": "d", "age": "age"}}
    given = {"collection": "t", "landscape": {"root": "none"}, "studies": [lab]}
    load({**given, section: {tested: ["age"], "covariates": ["age"], "block": "donor"}})
    with pytest.raises(UserError) as caught:
        load({**given, section: {tested: ["age", "weight"], "covariates": ["run"], "block": "donr"}})
    text = str(caught.value)
    assert f"{section}.{tested}[1]: no study of" in text and f"{section}.covariates[0]: no study of" in text
    assert f"{section}.block: no study of" in text and "did you mean 'donor'?" in text
