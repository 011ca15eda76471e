"""UniCoord on real data (the folder named by PANSCAPE_DATA) beside logistic regression, k-NN and ridge.

Tasks: types (random split, left-out donors), times (random split, left-out batches, label in other units),
mouse (a human model on mouse cells through orthologs), unknown (each type left out of training), restore (the
hour in the middle of A549, four ranges of minutes of worm embryo), unseen (data that no default was chosen
on). The last line printed is one JSON object.

A549 is restored with time as it is and as log1p(hours). The latter was tried after the former had failed on
these very cells, so its numbers there show what the option does, not what to expect of it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import anndata
import numpy as np
import pandas as pd
import torch

from panscape.stats.ranks import auroc
from panscape.training.batches import held_out
from panscape.unicoord.baselines import components, label_baselines, value_baselines
from panscape.unicoord.calibrate import calibration_error
from panscape.unicoord.cells import Cells
from panscape.unicoord.evaluate import classification, regression
from panscape.unicoord.leave_out import restore_group
from panscape.unicoord.settings import Label, UniCoordSettings
from panscape.unicoord.train import train

DATA = Path(os.environ.get("PANSCAPE_DATA", "."))


def read(name, columns):
    """Return a data set with some columns of its annotation as text or numbers."""
    cells = anndata.read_h5ad(DATA / f"{name}.h5ad")
    obs = cells.obs[columns].copy()
    for column in columns:
        if not pd.api.types.is_numeric_dtype(obs[column]):
            obs[column] = obs[column].astype(object).where(obs[column].notna(), None)
    cells.obs = obs
    return cells


def splits(n, test, seed, strata=None):
    """Return train, validation (a tenth of what is not tested) and test."""
    split = np.full(n, "train", dtype=object)
    split[test] = "test"
    rest = np.flatnonzero(split == "train")
    strata = None if strata is None else np.asarray(strata)[rest].astype(str)
    split[rest[held_out(len(rest), 0.1, seed, "benchmark", strata=strata)]] = "validation"
    return split


def fit(cells, labels, split, seed, settings):
    """Return a model and the processor time it took."""
    started = time.process_time()
    outcome = train(cells, labels, settings, seed=seed, split=split)
    return outcome.model, time.process_time() - started


def reconstruction(model, cells, split):
    """Return shares of the genes' variance that the model, 20 and 30 principal components leave."""
    old, new = model.normalised(cells[split != "test"]), model.normalised(cells[split == "test"]).toarray()
    made = np.vstack([b for _, b in model.reconfigure(cells[split == "test"], {}, unchanged="predicted")])
    base = ((new - np.asarray(old.mean(axis=0))) ** 2).mean()
    space, errors = components(old, 30), {"mse": made}
    for k in (20, 30):
        errors[f"mse_pca{k}"] = space.scores(new)[:, :k] @ space.axes[:k] + space.mean
    return {name: round(float(((new - guess) ** 2).mean() / base), 4) for name, guess in errors.items()}


def class_scores(model, cells, split, name):
    """Return accuracy and macro-F1 of the model and of baselines, which learn on validation cells as well."""
    test, truth = cells[split == "test"], cells.obs.loc[split == "test", name]
    table = model.predict(test)
    table = table[table["label"] == name]
    guesses = {"unicoord": table["value"].to_numpy()}
    old, new = model.normalised(cells[split != "test"]), model.normalised(test)
    for key, guess in label_baselines(old, cells.obs.loc[split != "test", name], new).items():
        guesses[key] = guess.labels
    outcome = {}
    for key, guess in guesses.items():
        scores = classification(truth, guess)
        outcome[key] = [round(scores["accuracy"], 3), round(scores["macro_f1"], 3)]
    share = model.probabilities(test, name)
    outcome["ece"] = classification(truth, table["value"], share, model.layout[name].classes)["ece"]
    outcome["called_unknown"] = float(table["unknown"].mean())
    return outcome


def value_scores(model, cells, split, name, unit=1.0):
    """Return r, mean absolute error and bias of the model and of baselines; `unit`: factor to divide by."""
    test, truth = cells[split == "test"], cells.obs[name].to_numpy(dtype=float) / unit
    table = model.predict(test)
    told = table[table["label"] == name]["value"].to_numpy(dtype=float) / unit
    old, new = model.normalised(cells[split != "test"]), model.normalised(test)
    guesses = {"unicoord": told} | value_baselines(old, truth[split != "test"], new)
    outcome = {}
    for key, guess in guesses.items():
        scores = regression(truth[split == "test"], guess)
        outcome[key] = [round(scores[metric], 3) for metric in ("r", "mae", "bias")]
    return outcome


def types(seed, settings):
    """Baron: human pancreas."""
    cells = read("pancreas_human_baron2016", ["cell_type", "donor"])
    order = np.random.default_rng(seed).permutation(len(cells))
    donor, outcome = cells.obs["donor"].to_numpy(), {}
    tests = {"random": order[int(0.8 * len(order)) :]}
    tests |= {f"without {name}": np.flatnonzero(donor == name) for name in ("human3", "human4")}
    for name, test in tests.items():
        split = splits(len(cells), test, seed, cells.obs["cell_type"])
        label = {"name": "cell_type", "kind": "discrete", "min_cells": 1}
        model, cpu = fit(cells, [label], split, seed, settings)
        outcome[name] = class_scores(model, cells, split, "cell_type") | reconstruction(model, cells, split)
        outcome[name]["cpu_s"] = cpu
    return outcome


def times(seed, settings):
    """Worm embryo: minutes."""
    cells = read("neuro_worm_embryo_packer2019", ["embryo_time", "batch", "cell_type"])
    cells.obs["embryo_time"] = cells.obs["embryo_time"].astype(float)
    order = np.random.default_rng(seed).permutation(len(cells))
    batch, outcome = cells.obs["batch"].to_numpy(), {}
    tests = {f"random x{scale}": (order[int(0.8 * len(order)) :], scale) for scale in (1, 0.01, 0.001)}
    for name in ("Waterston_500_minutes_batch_2", "Murray_b01"):
        tests[f"without {name}"] = (np.flatnonzero(batch == name), 1)
    for name, (test, scale) in tests.items():
        split, scaled = splits(len(cells), test, seed), cells.copy()
        scaled.obs["embryo_time"] *= scale
        model, cpu = fit(scaled, [{"name": "embryo_time", "kind": "continuous"}], split, seed, settings)
        outcome[name] = {"cpu_s": cpu} | value_scores(model, scaled, split, "embryo_time", scale)
        if scale == 1:
            outcome[name] |= reconstruction(model, cells, split)
    split = splits(len(cells), order[int(0.8 * len(order)) :], seed)
    labels = [{"name": "cell_type", "kind": "discrete"}, {"name": "embryo_time", "kind": "continuous"}]
    model, _ = fit(cells, labels, split, seed, settings)
    outcome["types beside time"] = class_scores(model, cells, split, "cell_type")
    return outcome


def mouse(seed, settings):
    """Mouse pancreas by the human model."""
    human = read("pancreas_human_baron2016", ["cell_type", "donor"])
    cells = read("pancreas_mouse_baron2016", ["cell_type", "donor"])
    pairs = pd.read_csv(DATA / "orthologs_human_mouse_1to1.tsv", sep="\t")
    symbol = dict(zip(pairs.iloc[:, 1], pairs.iloc[:, 0], strict=True))
    if not set(symbol) & set(cells.var_names):
        symbol = {b: a for a, b in symbol.items()}
    totals = np.asarray(cells.X.sum(axis=1)).ravel()
    kept = [name in symbol for name in cells.var_names]
    cells = cells[:, kept].copy()
    cells.obs["n_counts"] = totals
    cells.var_names = [symbol[name] for name in cells.var_names]
    cells = cells[:, ~cells.var_names.duplicated()].copy()
    shared = human.var_names.intersection(cells.var_names)
    human.obs["n_counts"] = np.asarray(human.X.sum(axis=1)).ravel()
    human = human[:, shared].copy()
    split = splits(len(human), [], seed, human.obs["cell_type"])
    model, _ = fit(human, [{"name": "cell_type", "kind": "discrete", "min_cells": 1}], split, seed, settings)
    known = cells[cells.obs["cell_type"].isin(model.layout["cell_type"].classes).to_numpy()]
    tables = {"unicoord": model.predict(known), "unicoord, aligned": model.predict(known, batch="donor")}
    guesses = {name: table["value"].to_numpy() for name, table in tables.items()}
    old, new = model.normalised(human), model.normalised(known)
    for key, guess in label_baselines(old, human.obs["cell_type"], new).items():
        guesses[key] = guess.labels
    truth, outcome = known.obs["cell_type"].astype(str), {"cells": [len(known), len(cells)]}
    for key, guess in guesses.items():
        scores, there = classification(truth, guess), np.isin(np.asarray(guess, dtype=str), truth.unique())
        # predicted classes that no cell has count with F1 = 0; the last number is over true classes only
        classes = truth.nunique() + len(set(np.asarray(guess, dtype=str)[~there]))
        f1 = scores["macro_f1"]
        outcome[key] = [round(value, 3) for value in (scores["accuracy"], f1, f1 * classes / truth.nunique())]
    for key, table in tables.items():
        right = (table["value"].astype(str).to_numpy() == truth.to_numpy()).astype(float)
        told = table["probability"].to_numpy(float)
        outcome[f"{key}, confidence and ece"] = [
            round(value, 3) for value in (told.mean(), calibration_error(told, right))
        ]
        outcome[f"{key}, called unknown"] = round(float(table["unknown"].mean()), 3)
    return outcome


def unknown(seed, settings):
    """Each type of the human pancreas left out of training: AUROC of the score between it and the others."""
    cells = read("pancreas_human_baron2016", ["cell_type", "donor"])
    kind, outcome = cells.obs["cell_type"].to_numpy(), {}
    for left in cells.obs["cell_type"].value_counts().loc[lambda n: n >= 40].index:
        order = np.random.default_rng(seed).permutation(np.flatnonzero(kind != left))
        test = np.concatenate([order[int(0.8 * len(order)) :], np.flatnonzero(kind == left)])
        split = splits(len(cells), test, seed, kind)
        model, _ = fit(cells, [{"name": "cell_type", "kind": "discrete"}], split, seed, settings)
        table = model.predict(cells[split == "test"])
        new = kind[split == "test"] == left
        outcome[left] = {
            "auroc": round(auroc(table["unknown_score"], new), 3),
            "auroc_probability": round(auroc(1 - table["probability"], new), 3),
            "found": round(float(table["unknown"][new].mean()), 3),
            "called_unknown": round(float(table["unknown"][~new].mean()), 3),
        }
    outcome["mean"] = pd.DataFrame(outcome).mean(axis=1).round(3).to_dict()
    return outcome


A549, WORM = "paired_human_A549_scicar_rna", "neuro_worm_embryo_packer2019"
RESTORED = (
    (A549, "time_h", [1, 1], 3, "none"),
    (A549, "time_h", [1, 1], 3, "log1p"),
    (WORM, "embryo_time", [300, 370], 6, "none"),
    (WORM, "embryo_time", [400, 480], 6, "none"),
    (WORM, "embryo_time", [520, 600], 6, "none"),
    (WORM, "embryo_time", [550, 650], 6, "none"),
)


def restore(seed, settings):
    """A549: hour 1 of 0, 1 and 3, and worm embryo: ranges of minutes."""
    outcome = {}
    for name, label, leave, most, transform in RESTORED:
        cells = read(name, [label])
        cells.obs[label] = cells.obs[label].astype(float)
        labels = [Label(label, "continuous", transform=transform)]
        chosen = UniCoordSettings.of({"held_out": 0.2} | settings)
        wanted = {"label": label, "leave": leave, "groups": most}
        result = restore_group(Cells([cells]), labels, [], chosen, wanted, seed)
        table = result.scores.pivot(index="model", columns="metric", values="value").round(4)
        kept = ["pcc_of_means", "pcc_of_change", "mse_over_linear", "e_distance", "covariance_error", "rank"]
        outcome[f"{name}, {leave}, {transform}"] = table[kept].to_dict("index")
    return outcome


UNSEEN = (
    ("hema_mouse_bm_inDrops_springHPC", "cell_type_derived", "discrete", None),
    ("hema_mouse_invitro_weinreb2020_subset", "cell_type", "discrete", None),
    ("neuro_worm_L2_cao2017", "cell_type", "discrete", None),
    ("pancreas_mouse_baron2016", "cell_type", "discrete", None),
    ("pancreas_mouse_baron2016", "cell_type", "discrete", ("donor", "mouse1")),
    ("hema_mouse_invitro_weinreb2020_subset", "day", "continuous", None),
    ("donors_human_acinar_enge2017_age", "age_years", "continuous", None),
)
LEAST = 10  # cells of a class, for it to be learned and scored


def unseen(seed, settings):
    """Score data that no default was chosen on: types and numbers of a fifth of the cells or of an animal."""
    outcome = {}
    for name, label, kind, left_out in UNSEEN:
        cells = read(name, [label, *([left_out[0]] if left_out else [])])
        column = cells.obs[label]
        if kind == "discrete":
            common = column.value_counts().loc[lambda n: n >= LEAST].index
            kept = column.isin(common) & (column != "Unclassified neurons")
            cells.obs[label] = column.where(kept, None)
        labelled = np.flatnonzero(cells.obs[label].notna())
        test = np.random.default_rng(seed).permutation(labelled)[int(0.8 * len(labelled)) :]
        if left_out:
            test = np.intersect1d(labelled, np.flatnonzero(cells.obs[left_out[0]] == left_out[1]))
        split = splits(len(cells), test, seed, cells.obs[label])
        model, cpu = fit(cells, [{"name": label, "kind": kind}], split, seed, settings)
        score = class_scores if kind == "discrete" else value_scores
        key = f"{name} {label}" + (f" without {left_out[1]}" if left_out else "")
        outcome[key] = (
            score(model, cells, split, label) | reconstruction(model, cells, split) | {"cpu_s": cpu}
        )
    return outcome


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    tasks = {task.__name__: task for task in (types, times, mouse, unknown, restore, unseen)}
    parser.add_argument("--tasks", nargs="+", default=list(tasks), choices=list(tasks))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings that differ")
    given = parser.parse_args()
    torch.set_num_threads(1)
    every = {}
    for seed in given.seeds:
        for task in given.tasks:
            every[f"{task} {seed}"] = tasks[task](seed, given.settings)
            print(task, seed, json.dumps(every[f"{task} {seed}"]), flush=True)
    print(json.dumps(every))


if __name__ == "__main__":
    main()
