"""Tables of learned coordinates: scores with baselines, leaks, restoration."""

from __future__ import annotations

import pandas as pd

from panscape.data.files import read_json
from panscape.plot.predictions import model_name
from panscape.report.blocks import Block, Fold, Heading, Paragraph, table
from panscape.report.format import between, listing, number, percent
from panscape.report.results import Results

FOLDER, MODEL = "unicoord", "unicoord"
METRICS, ACTIVE, SPLIT = (f"{FOLDER}/{name}.tsv" for name in ("metrics", "active", "split"))
CARD, CONFUSION = f"{FOLDER}/model/model.json", f"{FOLDER}/confusion.tsv"
RESTORED = f"{FOLDER}/restoration.tsv"
CLASSES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "ece": "calibration error",
}
VALUES = {"r": "r", "mae": "mean error", "rmse": "RMSE", "bias": "bias"}
RESTORATION = {
    "pcc_of_means": "correlation of means",
    "pcc_of_change": "correlation of change",
    "mse_over_linear": "squared error over linear",
    "e_distance": "energy distance",
    "covariance_error": "covariance error",
}


def metrics(results: Results) -> pd.DataFrame:
    """Return task, model, metric, value, null."""
    return results.table(METRICS, dtype={"task": str, "model": str, "metric": str})


def card(results: Results) -> dict:
    """Return the model's metadata: genes, labels, settings and so on."""
    return read_json(results.path(CARD))


def tested_classes(results: Results) -> dict[str, tuple[int, int]]:
    """Return label -> (number of classes among test cells, number of classes of the model)."""
    counts = results.table(CONFUSION, dtype={"label": str, "truth": str, "predicted": str})
    known = {item["name"]: len(item["classes"]) for item in card(results)["labels"]}
    seen = counts[counts["n"] > 0].groupby("label", sort=False)["truth"].nunique()
    return {label: (int(number), known.get(label, int(number))) for label, number in seen.items()}


def scores(scored: pd.DataFrame, wanted: dict[str, str], key: str) -> pd.DataFrame:
    """Return one row per label and model with the metrics of one kind of label.

    Parameters
    ----------
    scored
        Table of metrics: task, model, metric, value.
    wanted
        Metric -> title of its column.
    key
        Metric that the model has for labels of this kind alone.
    """
    tasks = scored.loc[scored["model"].eq(MODEL) & scored["metric"].eq(key), "task"].unique()
    rows = scored[scored["task"].isin(tasks) & scored["metric"].isin(wanted)]
    if rows.empty:
        return pd.DataFrame(columns=["label", "model", *wanted.values()])
    wide = rows.pivot_table(index=["task", "model"], columns="metric", values="value", sort=False)
    wide = wide.reindex(columns=list(wanted)).rename(columns=wanted).reset_index()
    wide = wide.rename(columns={"task": "label"})
    wide.columns.name = None
    return wide


def best_baseline(scored: pd.DataFrame, task: str, metric: str, *, low: bool = False) -> tuple[str, float]:
    """Return (name, value) of the best baseline of a task, ("", nan) without any.

    Parameters
    ----------
    scored
        Table of metrics: task, model, metric, value.
    task, metric
        The task, and what baselines are compared by.
    low
        Whether low values are better.
    """
    rows = scored[scored["task"].eq(task) & scored["metric"].eq(metric) & scored["model"].ne(MODEL)].dropna(
        subset=["value"]
    )
    if rows.empty:
        return "", float("nan")
    row = rows.loc[rows["value"].idxmin() if low else rows["value"].idxmax()]
    return model_name(row["model"]), float(row["value"])


def score_table(rows: pd.DataFrame, text: str) -> Block:
    """Return a table of scores with the models' display names."""
    return table(rows.assign(model=rows["model"].map(model_name)), caption=text, file=METRICS)


def untested_classes(results: Results) -> list[Block]:
    """Return a note on classes without test cells, which the scores leave out."""
    few = [
        f"{label.replace('_', ' ')} over {tested} of {known} classes"
        for label, (tested, known) in tested_classes(results).items()
        if tested < known
    ]
    if not few:
        return []
    text = f"Not all classes have test cells: the scores are of {listing(few)}."
    return [Paragraph(text, "note")]


def coverage(scored: pd.DataFrame) -> list[Block]:
    """Return the sentence on test cells that are called unknown."""
    texts = []
    for row in scored[scored["model"].eq(MODEL) & scored["metric"].eq("coverage")].itertuples():
        kept = scored[
            scored["task"].eq(row.task) & scored["metric"].eq("accuracy_covered") & scored["model"].eq(MODEL)
        ]
        right = f", of the others {percent(kept['value'].iloc[0])} are correct" if len(kept) else ""
        texts.append(
            f"{row.task.replace('_', ' ')}: {percent(1 - row.value)} of the test cells are called "
            f"unknown{right}"
        )
    return [Paragraph(f"{'; '.join(texts)}.")] if texts else []


def unknown_classes(scored: pd.DataFrame) -> list[Block]:
    """Return the table of test cells called unknown, class by class, the highest fractions first."""
    start = "unknown "
    rows = scored[scored["task"].str.startswith(start)]
    if rows.empty:
        return []
    wide = rows.pivot_table(index=["task", "model"], columns="metric", values="value").reset_index()
    wide = wide.assign(task=wide["task"].str.removeprefix(start)).rename_axis(columns=None)
    wide = wide.sort_values(["fraction", "n"], ascending=False, kind="stable")
    expected = percent(rows.loc[rows["metric"].eq("fraction"), "null"].iloc[0])
    text = (
        f"Test cells called unknown, by class; all of these classes are known, and about {expected} is "
        "expected. A class with a much higher fraction is more varied than its training cells."
    )
    titles = {"task": "label", "model": "class", "fraction": "called unknown", "n": "test cells"}
    shown = wide[["task", "model", "n", "fraction"]]
    return [Fold("Unknown cells by class", (table(shown, titles=titles, caption=text, file=METRICS),))]


def leaks(scored: pd.DataFrame) -> list[Block]:
    """Return the table of label information in the unsupervised coordinates."""
    start = "leak "
    rows = scored[scored["task"].str.startswith(start)]
    if rows.empty:
        return []
    shown = rows.assign(
        task=rows["task"].str.removeprefix(start),
        model=rows["model"].map({"linear": "linear", "knn": "nearest neighbours"}),
        metric=rows["metric"].map({"balanced_accuracy": "balanced accuracy", "r2": "R²"}),
    )
    text = (
        "Leaks: how well each label can be predicted from the unsupervised coordinates alone "
        "(cross-validated probes), compared with permuted labels. Set unicoord.independence to make them "
        "independent of the labels."
    )
    titles = {"task": "label", "model": "probe", "null": "by chance"}
    return [
        table(shown[["task", "model", "metric", "value", "null"]], titles=titles, caption=text, file=METRICS)
    ]


def restored_groups(results: Results) -> list[Block]:
    """Return the table of groups left out of training."""
    if not results.has(RESTORED):
        return []
    restored = results.table(RESTORED, dtype={"label": str, "model": str, "metric": str})
    rows = restored[restored["metric"].isin(RESTORATION)]
    wide = rows.pivot_table(
        index=["label", "low", "high", "model"], columns="metric", values="value", sort=False
    )
    wide = wide.reindex(columns=list(RESTORATION)).rename(columns=RESTORATION).reset_index()
    left = [between(low, high, number) for low, high in zip(wide["low"], wide["high"], strict=True)]
    wide.insert(1, "left out", left)
    wide = wide.drop(columns=["low", "high"]).assign(model=wide["model"].map(_guess))
    wide.columns.name = None
    text = (
        "Groups left out of training, restored and compared with the true cells; correlations are best at "
        "1, distance and error at 0. The correlation of means alone is high for almost any guess."
    )
    return [Heading("Restoration"), table(wide, caption=text, file=RESTORED)]


def _guess(model: str) -> str:
    return "cells of all other groups" if model == "mean" else model_name(model)
