"""Evaluation on test cells: labels, reconstruction, leakage and reconfiguration, with baselines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.data.labels import class_names
from panscape.errors import fail
from panscape.training.batches import permutation
from panscape.unicoord.baselines import (
    Components,
    Training,
    components,
    label_baselines,
    ridge,
    value_baselines,
)
from panscape.unicoord.calibrate import reliability
from panscape.unicoord.cells import Cells
from panscape.unicoord.changes import change_scores
from panscape.unicoord.checks import check_split
from panscape.unicoord.evaluate import classification, confusion, explained_by, label_leak, regression
from panscape.unicoord.labels import Layout
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.stage import some_cells
from panscape.unicoord.targets import targets

MODEL = "unicoord"
COLUMNS = ["task", "model", "metric", "value", "null"]
_SCORED = 5000  # maximum number of test cells
_LEARNED = 10_000  # maximum number of training cells of the baselines
_COMPONENTS = 20  # number of principal components, the baseline of reconstruction


def score_model(
    model: CoordinateSystem, cells: Cells, split: np.ndarray, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Score a model on test cells.

    Parameters
    ----------
    model, cells
        A trained model and all cells of the collection.
    split
        ``train``, ``validation``, ``test`` of each cell.

    Returns
    -------
    ``metrics`` (task, model, metric, value, null; the null is the score of the best constant prediction),
    ``confusion`` (label, truth, predicted, n) and ``calibration`` (label, confidence, accuracy, n ...).
    """
    check_split(split, len(cells))
    if not (split == "test").any():
        raise fail("evaluate", "there are no test cells", "raise held_out, or give a split", few=True)
    test = _sample(np.flatnonzero(split == "test"), _SCORED, seed, "test")
    learn = _sample(np.flatnonzero(split != "test"), _LEARNED, seed, "learn")
    scored, learned = some_cells(model, cells, test), some_cells(model, cells, learn)
    new, old = model.normalised(scored), Training(model.normalised(learned))
    space = components(old, _COMPONENTS)
    rows: list[tuple] = []
    confusions, calibrations = [], []
    table = model.predict(scored)
    for label in model.labels:
        if label.name not in scored.obs:
            continue
        predicted = table[table["label"] == label.name]
        truth, train_labels = scored.obs[label.name], learned.obs[label.name]
        if label.kind == "continuous":
            rows += _value_scores(label.name, predicted, truth, old, train_labels, new, seed)
            continue
        truth, train_labels = (class_names(column) for column in (truth, train_labels))
        share = model.probabilities(scored, label.name) if label.discrete else None
        rows += _class_scores(label.name, predicted, share, label.classes, truth, old, train_labels, new)
        rows += _unknown_scores(label.name, predicted["unknown"], truth, model.settings.unknown_fraction)
        confusions.append(_long(confusion(truth, predicted["value"])).assign(label=label.name))
        if share is not None:
            guess = np.array(label.classes, dtype=object)[share.argmax(axis=1)]
            there = truth.notna().to_numpy()
            bins = reliability(share.max(axis=1)[there], (guess == truth.to_numpy())[there])
            calibrations.append(bins.assign(label=label.name))
    rows += _reconstruction(model, scored, new, old.matrix, space)
    rows += _leaks(model, scored, seed)
    rows += _changes(model, scored, new, space, seed)
    rows += _moves(model, scored, old, learned, seed)
    rows += change_scores(model, scored, new, learned, old.matrix)
    metrics = pd.DataFrame(rows, columns=COLUMNS)
    return {
        "metrics": metrics,
        "confusion": _joined(confusions, ["label", "truth", "predicted", "n"]),
        "calibration": _joined(calibrations, ["label", "confidence", "accuracy", "n"]),
    }


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table[["label", *[name for name in table.columns if name != "label"]]]


def _long(table: pd.DataFrame) -> pd.DataFrame:
    return table.stack().rename("n").reset_index()


def _sample(rows: np.ndarray, most: int, seed: int, name: str) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return np.sort(rows[permutation(len(rows), seed, "unicoord", "score", name)[:most]])


def _class_scores(name, predicted, share, classes, truth, old, train_labels, new) -> list[tuple]:
    baselines = label_baselines(old, train_labels, new)
    null = classification(truth, baselines["majority"].labels)
    scores_of_model = classification(truth, predicted["value"], share, classes if share is not None else None)
    rows = [
        (name, MODEL, metric, value, null.get(metric, np.nan)) for metric, value in scores_of_model.items()
    ]
    called = np.where(predicted["unknown"], "unknown", predicted["value"])
    known = classification(truth, called)
    rows += [(name, MODEL, metric, known[metric], np.nan) for metric in ("coverage", "accuracy_covered")]
    rows = [
        row
        for at, row in enumerate(rows)
        if (row[2] not in ("coverage", "accuracy_covered") or at >= len(scores_of_model))
    ]
    for model, guess in baselines.items():
        scores = classification(truth, guess.labels, guess.probability, guess.classes)
        rows += [(name, model, metric, value, null.get(metric, np.nan)) for metric, value in scores.items()
                 if metric in ("accuracy", "macro_f1", "balanced_accuracy", "ece", "n")]  # fmt: skip
    return rows


def _unknown_scores(name: str, unknown: pd.Series, truth: pd.Series, fraction: float) -> list[tuple]:
    """Return the fraction of the test cells of each class that are called unknown, and their number."""
    called = pd.Series(unknown.to_numpy(dtype=bool), index=truth.to_numpy())[truth.notna().to_numpy()]
    rows = []
    for value, cells in called.groupby(level=0, sort=True):
        rows.append((f"unknown {name}", str(value), "fraction", float(cells.mean()), fraction))
        rows.append((f"unknown {name}", str(value), "n", float(len(cells)), np.nan))
    return rows


def _value_scores(name, predicted, truth, old, train_values, new, seed) -> list[tuple]:
    truth = pd.to_numeric(truth.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    train_values = pd.to_numeric(train_values.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    baselines = value_baselines(old, train_values, new, seed=seed)
    null = regression(truth, baselines["mean"])
    guess = predicted["value"].astype(float).to_numpy()
    rows = [
        (name, MODEL, metric, value, null.get(metric, np.nan))
        for metric, value in regression(truth, guess).items()
    ]
    inside = (predicted["lower"].to_numpy() <= truth) & (truth <= predicted["upper"].to_numpy())
    there = np.isfinite(truth) & predicted["lower"].notna().to_numpy()
    if there.any():
        rows.append((name, MODEL, "interval_coverage", float(inside[there].mean()), 0.9))
    for model, guess in baselines.items():
        rows += [(name, model, metric, value, null.get(metric, np.nan))
                 for metric, value in regression(truth, guess).items()]  # fmt: skip
    return rows


def _reconstruction(
    model: CoordinateSystem, scored, new: sparse.csr_matrix, old: sparse.csr_matrix, space: Components
) -> list[tuple]:
    """Return squared errors as fractions of that of the genes' means."""
    made = np.vstack([block for _, block in model.reconfigure(scored, {}, unchanged="predicted")])
    dense = new.toarray()
    mean = np.asarray(old.mean(axis=0)).ravel()
    base = float(((dense - mean) ** 2).mean())
    linear = space.scores(new) @ space.axes + space.mean
    name = f"pca-{len(space.axes)}"
    return [
        ("reconstruction", model_name, "mse_share", float(((dense - guess) ** 2).mean()) / base, 1.0)
        for model_name, guess in ((MODEL, made), (name, linear))
    ]


def _leaks(model: CoordinateSystem, scored, seed: int) -> list[tuple]:
    names = [name for name in model.coordinates if name.startswith(("latent-", "diffusion-"))]
    if not names:
        return []
    free, rows = model.embed(scored)[names].to_numpy(), []
    for label in model.labels:
        if label.name in scored.obs:
            probes = label_leak(free, scored.obs[label.name], continuous=not label.discrete, seed=seed)
            rows += [
                (f"leak {label.name}", row.probe, row.metric, row.value, row.null)
                for row in probes.itertuples()
            ]
    return rows


def _changes(
    model: CoordinateSystem, scored, new: sparse.csr_matrix, space: Components, seed: int
) -> list[tuple]:
    """Return, per discrete label, its remaining effect on expression after all cells are set to one class.

    Fractions of the variance of 20 principal components between the label's classes: as measured, as
    reconstructed and as reconfigured; the null is that of permuted labels. The other labels, which should not
    change, are scored in the same way.
    """
    measured, rows = space.scores(new), []
    rebuilt = space.scores(np.vstack([block for _, block in model.reconfigure(scored, {})]))
    discrete = [
        label
        for label in model.layout.discrete
        if label.name in scored.obs and label.name not in model.layout.tables
    ]
    for label in discrete:
        changed = np.vstack([block for _, block in model.reconfigure(scored, {label.name: label.classes[0]})])
        scores = space.scores(changed)
        for other in discrete:
            truth = scored.obs[other.name].to_numpy()
            mixed = seeds.stream(seed, "changes", label.name, other.name).permutation(truth)
            for what, where in (("measured", measured), ("reconstructed", rebuilt), ("reconfigured", scores)):
                left, null = explained_by(where, truth), explained_by(where, mixed)
                rows.append((f"set {label.name}", what, f"variance by {other.name}", left, null))
    return rows


def _moves(model: CoordinateSystem, scored, old: Training, learned, seed: int) -> list[tuple]:
    """Return how well ridge regression of measured cells recovers requested values from decoded cells."""
    rows = []
    for label in model.layout.values:
        train_values = _numbers(learned, label)
        there = np.isfinite(train_values)
        asked = seeds.stream(seed, "moves", label.name).uniform(label.low, label.high, len(scored))
        made = np.vstack([block for _, block in model.reconfigure(scored, {label.name: asked})])
        predicted = ridge(old[there], train_values[there], sparse.csr_matrix(made), seed=seed)
        agree = float(np.corrcoef(asked, predicted)[0, 1]) if np.ptp(predicted) > 0 else np.nan
        rows.append((f"set {label.name}", "reconfigured", "r of requested and read", agree, 0.0))
    return rows


def _numbers(cells, label) -> np.ndarray:
    """Return a label's values in the model's unit, NaN where missing."""
    layout = Layout((label,))
    places = targets(cells.obs, layout).values[:, 0].astype(np.float64) * label.sd + label.mean
    return label.backward(places)
