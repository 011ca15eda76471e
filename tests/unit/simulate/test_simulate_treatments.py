"""Simulated treatments: planted effects are in the counts, shares and confounding are as asked for."""

import numpy as np
import pandas as pd
import pytest

from panscape.errors import UserError
from panscape.simulate import simulate_treatments
from panscape.simulate.treatments import TreatmentsSettings, treatments_study


def log_means(cells, **wanted):
    """Return the log of the mean fraction of counts of some cells, by gene."""
    chosen = np.logical_and.reduce([cells.obs[name] == value for name, value in wanted.items()])
    total = np.asarray(cells.X[chosen].sum(axis=0)).ravel()
    return np.log((total + 0.5) / total.sum())


def test_counts_have_the_planted_effect_of_each_type():
    settings = {"cells": 6000, "types": 3, "n_genes": 300, "batches": 1, "depth": 6000.0, "interaction": 0.6}
    cells = simulate_treatments(seed=4, **settings)
    for kind in ("T1", "T2", "T3"):
        seen = log_means(cells, cell_type=kind, treatment="treated")
        seen = seen - log_means(cells, cell_type=kind, treatment="control")
        planted = cells.uns["effects"]["treated"].loc[kind].to_numpy()
        high = log_means(cells, cell_type=kind, treatment="control") > np.log(1e-4)
        responds = high & (planted != 0)
        # a treated cell's fractions are relative to its total, which the treatment changes too
        assert np.corrcoef(seen[high], planted[high])[0, 1] > 0.98, kind
        assert abs(np.polyfit(planted[responds], seen[responds], 1)[0] - 1) < 0.1, kind


@pytest.mark.parametrize("interaction", [0.0, 0.5, 1.0])
def test_the_interaction_is_the_fraction_of_variance_between_types(interaction):
    study = treatments_study(
        TreatmentsSettings(types=40, n_genes=2000, interaction=interaction, predictable=0.5), 2
    )
    effect = study.effects[1][:, np.abs(study.effects[1]).sum(axis=0) > 0]
    # activities are drawn for 40 types: their own variance is not exactly 1
    assert abs(effect.var(axis=0).mean() / (effect**2).mean() - interaction) < 0.08
    assert abs(effect.std() / 0.8 - 1) < 0.15 and not study.effects[0].any()


def test_predictable_effects_follow_the_programs():
    def left(predictable):
        settings = TreatmentsSettings(types=30, interaction=1.0, predictable=predictable, programs=3)
        values = np.linalg.svd(treatments_study(settings, 5).effects[1], compute_uv=False) ** 2
        return values[3:].sum() / values.sum()

    assert left(1.0) < 1e-9 < 0.5 < left(0.0)


def test_without_their_own_part_effects_are_linear_in_the_programs():
    settings = TreatmentsSettings(types=30, interaction=0.5, predictable=0.6, programs=3, response_genes=1.0)
    study = treatments_study(settings, 5)
    shared = study.effects[1] - study.own[1]
    known = np.column_stack([np.ones(30), study.activity])
    assert np.abs(shared - known @ np.linalg.lstsq(known, shared, rcond=None)[0]).max() < 1e-9
    # 0.5 x 0.4 of the variance 0.8^2 is each type's own, and independent of type to type
    assert abs(study.own[1].var() / 0.8**2 - 0.2) < 0.01 and not study.own[0].any()
    assert np.abs(np.corrcoef(study.own[1]) - np.eye(30)).max() < 0.15


def test_confounded_types_keep_to_their_batch():
    def spread(confounding):
        cells = simulate_treatments(cells=4000, n_genes=40, types=6, batches=3, confounding=confounding)
        table = pd.crosstab(cells.obs["cell_type"], cells.obs["batch"], normalize="index")
        return table.max(axis=1)

    assert spread(0.0).max() < 0.5 and spread(1.0).min() == 1.0
    assert 0.6 < spread(0.5).mean() < 0.8


def test_rare_and_unknown_types_are_as_frequent_as_asked_for():
    cells = simulate_treatments(
        cells=20_000,
        n_genes=20,
        types=6,
        rare=2,
        rare_fraction=0.02,
        unknown=2,
        unknown_fraction=0.1,
        batches=2,
    )
    share = cells.obs["cell_type"].value_counts(normalize=True)
    assert share[["T5", "T6"]].between(0.015, 0.025).all() and share[["T1", "T2", "T3", "T4"]].min() > 0.05
    of_last = cells.obs[cells.obs["batch"] == "B2"]["cell_type"].value_counts(normalize=True)
    assert of_last[["unknown-1", "unknown-2"]].between(0.09, 0.11).all()
    assert set(cells.obs.loc[~cells.obs["known"], "batch"]) == {"B2"}


def test_same_seed_same_counts_and_another_seed_others():
    made = [simulate_treatments(cells=100, n_genes=50, seed=seed) for seed in (1, 1, 2)]
    assert (made[0].X != made[1].X).nnz == 0 and (made[0].X != made[2].X).nnz > 0


def test_contradictory_settings_are_refused_together():
    with pytest.raises(UserError) as told:
        TreatmentsSettings(types=1, interaction=1.5, rare=3, unknown=3, unknown_fraction=0.4, batches=0)
    text = str(told.value)
    for part in ("interaction", "types", "rare", "unknown_fraction", "batches"):
        assert part in text
