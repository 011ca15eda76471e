"""Effects of simulated treatments on cell types, seen and left out, by UniCoord and plain baselines.

In each simulation, treated cells of two types are left out of training. Scores compare the change of the
genes' means with that measured in test cells, or with the expected one (the same system with many more
cells): Pearson's r and squared error as a fraction of that of no change. ``noise`` is the score of the
expected change, which no prediction of measured changes exceeds but by chance; ``ridge of expected effects``
knows the other types' effects without noise. The last line printed is one JSON object.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import anndata
import numpy as np
import pandas as pd
import torch
from scipy import sparse

from panscape.simulate.treatments import TreatmentsSettings, treatments_study
from panscape.unicoord.interactions import MEAN, POOLED, RIDGE, agreement
from panscape.unicoord.train import train

LABELS = [{"name": name, "kind": "discrete"} for name in ("cell_type", "treatment", "batch")]
SIMULATED = {
    "types": 12, "interaction": 0.3, "cells": 8000, "n_genes": 1000, "response": 1.2, "response_genes": 0.3,
}  # fmt: skip
HIDDEN = ("T02", "T07")
EXPECTED = 20_000  # cells from which the expected changes are measured


def changes(x, obs, kind):
    """Return the change of the genes' means by the treatment in cells of a type."""
    sides = [
        np.flatnonzero((obs["cell_type"] == kind) & (obs["treatment"] == given))
        for given in ("treated", "control")
    ]
    means = [np.asarray(x[rows].mean(axis=0), dtype=np.float64).ravel() for rows in sides]
    return means[0] - means[1]


def at_rest(x, obs, kind):
    """Return the genes' means in cells of a type that were not treated."""
    rows = np.flatnonzero((obs["cell_type"] == kind) & (obs["treatment"] == "control"))
    return np.asarray(x[rows].mean(axis=0), dtype=np.float64).ravel()


def predicted(model, cells, kind, interactions=True):
    """Return the model's change of test cells of a type that were not treated."""
    source = cells[(cells.obs["cell_type"] == kind) & (cells.obs["treatment"] == "control")].copy()
    kept = model.interactions
    model.interactions = kept if interactions else {}
    made, same = (
        np.vstack([block for _, block in model.reconfigure(source, change)]).mean(axis=0, dtype=np.float64)
        for change in ({"treatment": "treated"}, {})
    )
    model.interactions = kept
    return made - same


def baselines(states, effects, kind, pooled):
    """Return the effects that plain methods predict from other types, whose effects are in `effects`."""
    others = [name for name in effects if name != kind]
    centre = np.mean([states[name] for name in others], axis=0)
    known = np.array([states[name] - centre for name in others])
    effect = np.array([effects[name] for name in others])
    mean, kernel = effect.mean(axis=0), known @ known.T
    scale, errors = np.trace(kernel) / len(kernel), {}
    for penalty in np.geomspace(0.003, 100, 12):
        inverse = np.linalg.inv(kernel / scale + penalty * np.eye(len(kernel)))
        hat = kernel / scale @ inverse + 1 / len(kernel)
        left = (effect - hat @ effect) / (1 - np.diag(hat)[:, None])
        errors[penalty] = (left**2).sum()
    inverse = np.linalg.inv(kernel / scale + min(errors, key=errors.get) * np.eye(len(kernel)))
    near = (states[kind] - centre) @ known.T / scale
    return {RIDGE: mean + near @ inverse @ (effect - mean), MEAN: mean, POOLED: pooled}


def drawn(seed, settings, changes=None):
    """Return cells of a simulated study, and the study; `changes` of its drawn effects."""
    study = treatments_study(TreatmentsSettings(**settings), seed)
    study = replace(study, **changes(study)) if changes else study
    counts = sparse.vstack([block for _, block in study.blocks()], format="csr")
    return anndata.AnnData(counts, obs=study.obs.copy(), var=study.var), study


def best(study, effects, kind):
    """Return the best linear prediction of an effect from those of other types.

    The effects are draws whose covariance is known: a shared part, one by programs, and each type's own.
    """
    settings, kinds = study.settings, list(study.types)
    part = settings.interaction * settings.predictable
    covariance = 1 - settings.interaction + part / settings.programs * study.activity @ study.activity.T
    covariance += (settings.interaction - part) * np.eye(len(kinds))
    at, others = kinds.index(kind), [kinds.index(name) for name in effects]
    weight = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, at])
    return weight @ np.array(list(effects.values()))


def scores(seed, given):
    """Return rows: combination, type, model, against, r, mse_share."""
    wanted = SIMULATED | given
    cells, study = drawn(seed, wanted)
    hidden = cells.obs["cell_type"].isin(HIDDEN) & (cells.obs["treatment"] == "treated")
    random = np.random.default_rng(seed)
    split = random.choice(["train", "validation", "test"], cells.n_obs, p=[0.6, 0.1, 0.3])
    split = np.where(hidden, "test", split)
    model = train(cells, LABELS, seed=seed, split=split).model
    many, _ = drawn(seed, wanted | {"cells": EXPECTED})
    others, _ = drawn(
        seed, wanted | {"cells": EXPECTED}, lambda study: {"effects": study.effects - study.own}
    )
    of_many, of_others = model.normalised(many), model.normalised(others)
    learned, tested = cells[split != "test"].copy(), cells[split == "test"].copy()
    learn, test = model.normalised(learned), model.normalised(tested)
    kinds = sorted(cells.obs["cell_type"].unique())
    control = (learned.obs["treatment"] == "control").to_numpy()
    states = {kind: at_rest(learn, learned.obs, kind) for kind in kinds}
    effects = {kind: changes(learn, learned.obs, kind) for kind in kinds if kind not in HIDDEN}
    pooled = np.asarray(learn[~control].mean(axis=0) - learn[control].mean(axis=0)).ravel()
    rows = []
    for kind in kinds:
        measured, expected = changes(test, tested.obs, kind), changes(of_many, many.obs, kind)
        guesses = {"unicoord": predicted(model, tested, kind)}
        guesses["unicoord, no interactions"] = predicted(model, tested, kind, interactions=False)
        guesses |= baselines(states, effects, kind, pooled)
        if kind in effects:
            guesses["own type's mean"] = effects[kind]
        else:
            exact = {other: changes(of_many, many.obs, other) for other in effects}
            exact_states = {other: at_rest(of_many, many.obs, other) for other in kinds}
            guesses["ridge of expected effects"] = baselines(exact_states, exact, kind, pooled)[RIDGE]
            guesses["best from expected effects"] = best(study, exact, kind)
            guesses["all but the type's own"] = changes(of_others, others.obs, kind)
        guesses["noise"] = expected
        for against, true in (("measured", measured), ("expected", expected)):
            for name, guess in guesses.items():
                r, error = agreement(guess, true)
                rows.append(("left out" if kind in HIDDEN else "seen", kind, name, against, r, error))
    return pd.DataFrame(rows, columns=["combination", "type", "model", "against", "r", "mse_share"])


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402, 403])
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of the simulation's settings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = pd.concat([scores(seed, given.settings).assign(seed=seed) for seed in given.seeds])
    keys = ["combination", "against", "model"]
    mean = table.groupby(keys, sort=False)[["r", "mse_share"]].mean().round(3)
    print(mean.assign(n=table.groupby(keys, sort=False).size()).to_string())
    print(
        json.dumps(
            {" / ".join(key): row for key, row in zip(mean.index, mean.to_numpy().tolist(), strict=True)}
        )
    )


if __name__ == "__main__":
    main()
