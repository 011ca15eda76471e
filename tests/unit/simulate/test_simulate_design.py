import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from panscape.errors import UserError
from panscape.simulate.design import coupling, design
from panscape.simulate.settings import Settings, StudySettings, acceptance, demo, from_config, scale

SCHEMA = Path(__file__).parents[3] / "workflow/schemas/stages/simulation.yaml"


def small(**changes) -> Settings:
    studies = (StudySettings("a", 60, (0, 10)), StudySettings("b", 60, (5, 20), platform="plates"))
    return Settings(**{"studies": studies, "n_genes": 300, "n_modules": 8, "module_genes": 8, **changes})


def test_defaults_of_the_schema_are_those_of_the_library():
    schema = yaml.safe_load(SCHEMA.read_text())["properties"]
    ours = {field.name: field.default for field in dataclasses.fields(Settings) if field.name != "studies"}
    lists = ("studies", "lines", "multiome")
    assert {key: entry["default"] for key, entry in schema.items() if key not in lists} == ours
    study = schema["studies"]["items"]["properties"]
    ours = {field.name: field.default for field in dataclasses.fields(StudySettings)}
    assert {key: entry["default"] for key, entry in study.items() if "default" in entry} == {
        key: ours[key] for key in ours if key not in ("name", "cells", "ages")
    }
    assert set(study) == set(ours)


def test_settings_from_a_configuration():
    made = from_config(
        {"studies": [{"name": "x", "cells": 7, "ages": [1, 2]}], "n_genes": 700, "n_modules": 5}
    )
    assert made.studies == (StudySettings("x", 7, (1.0, 2.0)),)
    assert (made.n_genes, made.n_modules, made.coupling) == (700, 5, 0.9)


def test_old_keys_are_taken_with_a_warning_and_unknown_ones_refused(caplog):
    study = {"studies": [{"name": "x", "cells": 7, "ages": [1, 2]}]}
    old = from_config(study | {"lineage_share": 0.1, "moving_share": 0.3})
    assert old == from_config(study | {"lineage_fraction": 0.1, "moving_fraction": 0.3})
    assert "simulation.moving_share is now moving_fraction" in caplog.text
    with pytest.raises(UserError, match=r"simulation.lineages_: unknown setting -> did you mean 'lineages'"):
        from_config(study | {"lineages_": 2})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"studies": ()}, "simulation.studies: there is no study"),
        ({"studies": (StudySettings("a"), StudySettings("a"))}, "'a' occurs twice"),
        ({"studies": (StudySettings("a", ages=(3, 1)),)}, "simulation.studies[0].ages"),
        ({"studies": (StudySettings("a", ages=(3, 3)),)}, "the same age"),
        ({"studies": (StudySettings("a", cells=0),)}, "simulation.studies[0].cells"),
        ({"n_modules": 40}, "simulation.n_genes"),
    ],
)
def test_settings_that_contradict_each_other(changes, words):
    with pytest.raises(UserError) as caught:
        small(**changes)
    assert words in str(caught.value)


def test_genes_have_disjoint_roles_and_names():
    genes = design(small(), 1).genes
    assert len(genes) == 300 and genes["gene"].is_unique
    counts = genes["role"].value_counts()
    assert counts["module"] == 64 and counts["mito"] == 13 and counts["ribo"] == 6
    assert genes.loc[genes["role"] == "module", "module"].value_counts().eq(8).all()
    assert (genes.loc[genes["role"] != "module", "module"] == "").all()
    assert set(genes.loc[genes["gene"].str.startswith("MT-"), "role"]) == {"mito"}
    np.testing.assert_allclose(np.exp(genes["base"]).sum(), 1)
    share = np.exp(genes["base"]).groupby(genes["role"]).sum()
    np.testing.assert_allclose(share[["mito", "ribo"]], [0.04, 0.08], rtol=1e-6)


def test_types_form_a_tree_over_the_whole_age_span():
    types = design(small(lineages=3, stages=4), 1).types
    assert len(types) == 13 and types["cell_type"].is_unique
    known = set()
    for row in types.itertuples():
        assert row.parent in known or (row.cell_type == "stem" and row.parent == "")
        known.add(row.cell_type)
    for _, lineage in types[types["lineage"] != "stem"].groupby("lineage"):
        np.testing.assert_allclose(lineage["age_from"].iloc[1:], lineage["age_to"].iloc[:-1])
        assert lineage["age_to"].iloc[-1] == pytest.approx(20)


def test_types_inherit_their_ancestors_markers():
    system = design(small(), 1)
    place = {name: at for at, name in enumerate(system.types["cell_type"])}
    for row in system.types.itertuples():
        if row.parent:
            child, parent = system.type_effects[place[row.cell_type]], system.type_effects[place[row.parent]]
            np.testing.assert_array_equal(child[parent != 0], parent[parent != 0])
            assert ((child != 0) & (parent == 0)).any()
    marked = (system.type_effects != 0).any(axis=0)
    assert set(system.genes["role"][marked]) == {"type"}


def test_coupling_follows_onset_offset_and_lineage():
    system = design(small(n_modules=12), 3)
    ages = np.linspace(0, 20, 201)
    for at, module in enumerate(system.modules.itertuples()):
        lineage = module.lineage or "lineage-1"
        curve = coupling(system, ages, np.repeat(lineage, 201))[:, at]
        assert (curve >= 0).all() and (curve <= 0.9).all()
        if module.lineage:
            other = "lineage-1" if module.lineage != "lineage-1" else "lineage-2"
            assert not coupling(system, ages, np.repeat(other, 201))[:, at].any()
        if module.kind == "on":
            assert (np.diff(curve) >= 0).all() and np.isnan(module.offset)
            assert np.interp(module.onset, ages, curve) == pytest.approx(0.45, abs=0.01)
        if module.kind == "off":
            assert (np.diff(curve) <= 0).all() and np.isnan(module.onset)
        if module.kind == "pulse" and module.offset < 20:
            assert ages[curve.argmax()] == pytest.approx((module.onset + module.offset) / 2, abs=0.3)


def test_every_age_has_modules_that_change():
    system = design(demo(), 0)
    ages = np.linspace(*system.settings.span, 30)
    for lineage in ("lineage-1", "lineage-4"):
        strength = coupling(system, ages, np.repeat(lineage, 30))
        assert (np.abs(np.diff(strength, axis=0)).max(axis=1) > 0.1).mean() > 0.9


def test_design_is_a_function_of_the_seed():
    first, again, other = (design(small(), seed) for seed in (1, 1, 2))
    assert first.genes.equals(again.genes) and first.shifts.equals(again.shifts)
    assert not first.genes.equals(other.genes) and not first.shifts.equals(other.shifts)


def test_studies_of_one_platform_share_its_effects():
    studies = tuple(
        StudySettings(name, 10, (0, 20), platform=platform)
        for name, platform in (("a", "x"), ("b", "x"), ("c", "y"))
    )
    shifts = design(small(studies=studies, n_genes=2000, platform_shift=0.6), 1).shifts.corr()
    assert shifts.loc["a", "b"] == pytest.approx(0.5, abs=0.08)  # 0.36 of 0.72 of the variance is shared
    assert abs(shifts.loc["a", "c"]) < 0.1


@pytest.mark.parametrize("make", [demo, acceptance, scale])
def test_presets_have_what_they_promise(make):
    settings = make()
    system = design(settings, 0)
    assert len(system.types) >= 10
    if make is scale:
        cells = [study.cells for study in settings.studies]
        assert sum(cells) == 932_000 and max(cells) == 562_000 and settings.n_genes == 2000
    if make is acceptance:
        assert len(system.modules) == 40 and [study.cells for study in settings.studies] == [5000] * 3
