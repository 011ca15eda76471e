"""Simulated collections of other shapes have the property that their name promises."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse, stats

from panscape.errors import UserError
from panscape.simulate import simulate_atlas
from panscape.simulate.design import UNDETECTED, coupling, design
from panscape.simulate.draw import study as simulate_study
from panscape.simulate.settings import Settings, StudySettings
from panscape.simulate.shapes import SHAPES, disjoint_ages, log_age, nuclei, uneven, within_types


def counts(drawn) -> sparse.csr_matrix:
    return sparse.vstack([block for _, block in drawn.blocks()], format="csr")


@pytest.fixture(scope="module")
def log_system():
    return design(log_age(400), 5)


def test_ages_on_a_log_scale(log_system):
    settings = log_system.settings
    assert settings.span == (9.0, 90.0)
    np.testing.assert_allclose(settings.relative([9.0, np.sqrt(810.0), 90.0]), [0, 0.5, 1])
    np.testing.assert_allclose(settings.age_at(settings.relative([9.0, 33.0, 90.0])), [9, 33, 90])
    obs = simulate_study(log_system, "d").obs
    np.testing.assert_allclose(np.unique(obs["age"]), np.geomspace(9, 90, 6))
    ratio = np.log(obs["true_age"] / obs["age"])
    inside = (obs["age"] > 10) & (obs["age"] < 80)  # true ages stop at the ends of the span
    assert ratio[inside].std() == pytest.approx(0.02 * np.log(10), rel=0.2)
    own = simulate_study(
        design(replace(settings, studies=(StudySettings("e", 3000, (9.0, 90.0), timepoints=0),)), 1), "e"
    )
    assert stats.kstest(np.log(own.obs["age"] / 9) / np.log(10), "uniform").pvalue > 0.01


def test_coupling_but_no_type_follows_log_age(log_system):
    ages = np.geomspace(9, 90, 101)
    strength = coupling(log_system, ages, np.repeat("lineage-1", 101))
    turning = log_system.modules[log_system.modules["kind"] == "on"].iloc[0]
    at = int(turning["module"].split("-")[1]) - 1
    assert np.interp(turning["onset"], ages, strength[:, at]) == pytest.approx(0.45, abs=0.01)
    assert not log_system.modules["moves"].any() and not log_system.age_effects.any()
    obs = simulate_study(log_system, "a").obs
    assert len(np.unique(obs["cell_type"])) == 2
    groups = [part["true_age"] for _, part in obs.groupby("cell_type", observed=True)]
    assert stats.mannwhitneyu(*groups).pvalue > 0.01


def test_wider_coupling_changes_gradually():
    steep, gradual = (design(replace(log_age(50), coupling_width=width), 5) for width in (0.02, 0.2))
    ages = np.geomspace(9, 90, 400)
    jumps = [
        np.abs(np.diff(coupling(made, ages, np.repeat("stem", 400)), axis=0)).max()
        for made in (steep, gradual)
    ]
    assert jumps[0] > 5 * jumps[1]


def test_samples_have_effects_of_their_own():
    base = StudySettings("a", 1200, (0, 20), depth=30_000, timepoints=2)
    means = {}
    for shift in (0.0, 0.8):
        settings = Settings(
            studies=(replace(base, sample_shift=shift),), n_genes=300, n_modules=2, module_genes=5,
            age_genes=0.0, type_genes=0.0, moving_fraction=0.0, low_quality=0.0,
        )  # fmt: skip
        drawn = simulate_study(design(settings, 3), "a")
        values, sample = counts(drawn), drawn.obs["sample"].cat.codes.to_numpy()
        means[shift] = np.log([np.asarray(values[sample == at].mean(axis=0)).ravel() + 1e-3 for at in (0, 1)])
    often = means[0.0].min(axis=0) > -1
    spread = {shift: (found[0] - found[1])[often].std() for shift, found in means.items()}
    assert spread[0.0] < 0.15 and spread[0.8] == pytest.approx(0.8 * np.sqrt(2), rel=0.15)


def test_a_protocol_that_detects_and_a_table_that_has_half_of_the_genes():
    system = design(nuclei(300), 2)
    all_detected = tuple(replace(item, detected_fraction=1.0) for item in system.settings.studies)
    whole = design(replace(system.settings, studies=all_detected), 2)
    lost = (system.shifts["nuclei"] - whole.shifts["nuclei"]) < -1
    assert lost.mean() == pytest.approx(0.5) and np.exp(UNDETECTED) == pytest.approx(1 / 50)
    share = {}
    for name in ("cells-a", "nuclei"):
        values = counts(simulate_study(system, name))
        share[name] = values[:, lost.to_numpy()].sum() / values.sum()
    assert share["nuclei"] < 0.1 * share["cells-a"]
    panel, whole = simulate_study(system, "panel"), simulate_study(system, "cells-a")
    assert panel.shape == (300, 400) and list(panel.var.index) != list(whole.var.index)[:400]
    assert counts(panel).shape == panel.shape and set(panel.var.index) < set(whole.var.index)
    atlas = simulate_atlas(system.settings, seed=2)
    assert atlas.shape == (1200, 400) and set(atlas.var_names) == set(panel.var.index)


def test_missing_genes_do_not_change_the_others():
    whole = replace(
        nuclei(120), studies=tuple(replace(s, measured_fraction=1.0) for s in nuclei(120).studies)
    )
    panel = simulate_study(design(nuclei(120), 4), "panel")
    both = [simulate_study(made, "panel").obs for made in (design(whole, 4), panel.system)]
    assert both[0].equals(both[1])
    other = [counts(simulate_study(made, "cells-a")) for made in (design(whole, 4), panel.system)]
    assert (other[0] != other[1]).nnz == 0


def test_types_at_all_ages():
    obs = simulate_study(design(within_types(900), 1), "b").obs
    assert obs["cell_type"].nunique() == 7
    span = obs.groupby("cell_type", observed=True)["true_age"].agg(["min", "max"])
    assert (span["min"] < 11).all() and (span["max"] > 19).all()
    types = design(within_types(900), 1).types
    assert (types["age_from"] == 8).all() and (types["age_to"] == 20).all()


def test_uneven_studies_and_disjoint_ages():
    studies = {item.name: item for item in uneven(450).studies}
    assert studies["large"].cells == 10 * studies["small"].cells
    assert studies["large"].depth == 10 * studies["shallow"].depth
    ages = sorted(item.ages for item in disjoint_ages(10).studies)
    assert all(before[1] < after[0] for before, after in pairwise(ages))


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_small(name):
    settings = SHAPES[name]()
    assert 3000 <= sum(item.cells for item in settings.studies) <= 8000 and settings.n_genes == 800


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"age_scale": "log", "studies": (StudySettings("a", ages=(0, 3)),)}, "age 0 with age_scale: log"),
        ({"age_scale": "square"}, "simulation.age_scale: 'square' -> write one of linear, log"),
        ({"type_order": "random"}, "simulation.type_order"),
        ({"coupling_width": 0.0}, "simulation.coupling_width"),
        ({"coupling_width": float("nan")}, "simulation.coupling_width"),
        ({"studies": (StudySettings("a", sample_shift=-1.0),)}, "studies[0].sample_shift"),
        ({"studies": (StudySettings("a", measured_fraction=0.0),)}, "studies[0].measured_fraction"),
        ({"studies": (StudySettings("a", detected_fraction=1.5),)}, "studies[0].detected_fraction"),
    ],
)  # fmt: skip
def test_settings_out_of_range(changes, words):
    with pytest.raises(UserError) as caught:
        Settings(**changes)
    assert words in str(caught.value)
