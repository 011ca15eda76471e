"""Learned coordinates: what they predict, hold and generate, beside plain baselines."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from panscape.plot.predictions import model_name
from panscape.report.blocks import Block, Fold, Gallery, Heading, Paragraph, Picture, table
from panscape.report.format import count, fixed, listing, number, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections import scenarios

FOLDER, MODEL = "unicoord", "unicoord"
METRICS, ACTIVE, SPLIT = (f"{FOLDER}/{name}.tsv" for name in ("metrics", "active", "split"))
CARD, CONFUSION = f"{FOLDER}/model/model.json", f"{FOLDER}/confusion.tsv"
RESTORED = f"{FOLDER}/restoration.tsv"
FIGURES = {
    "coordinates": "Cells in the coordinates",
    "classes": "Predicted classes and their calibration",
    "values": "Predicted values",
    "active": "Information of the unsupervised coordinates",
    "reconfiguration": "Before and after reconfiguration",
    "restoration": "Restored cells",
    "networks": "Networks under scenarios",
    "losses": "Losses along training",
}
_CLASSES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "ece": "calibration error",
}
_VALUES = {"r": "r", "mae": "mean error", "rmse": "RMSE", "bias": "bias"}
_RESTORED = {
    "pcc_of_means": "correlation of means",
    "pcc_of_change": "correlation of change",
    "e_distance": "energy distance",
    "covariance_error": "covariance error",
}
_MODEL_OUTPUT = (
    "What follows is the model's output, not measurement: it shows what the model has learned of a label, "
    "and is a "
    "hypothesis about cells that were not measured."
)


def metrics(results: Results) -> pd.DataFrame:
    """Return task, model, metric, value, null."""
    return results.table(METRICS, dtype={"task": str, "model": str, "metric": str})


def card(results: Results) -> dict:
    """Return what the model says of itself: its genes, labels, settings and so on."""
    return json.loads(results.path(CARD).read_text(encoding="utf-8"))


def tested_classes(results: Results) -> dict[str, tuple[int, int]]:
    """Return label -> (classes that test cells carry, classes that the model knows)."""
    counts = results.table(CONFUSION, dtype={"label": str, "truth": str, "predicted": str})
    known = {item["name"]: len(item["classes"]) for item in card(results)["labels"]}
    seen = counts[counts["n"] > 0].groupby("label", sort=False)["truth"].nunique()
    return {label: (int(number), known.get(label, int(number))) for label, number in seen.items()}


def scores(scored: pd.DataFrame, wanted: dict[str, str], key: str) -> pd.DataFrame:
    """Return one row per label and model with the metrics of one kind of label; `key` tells the kind.

    Labels are the tasks in which the model has the metric `key`.
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
    """Return (name, value) of the baseline that is best at a task."""
    rows = scored[scored["task"].eq(task) & scored["metric"].eq(metric) & scored["model"].ne(MODEL)].dropna(
        subset=["value"]
    )
    if rows.empty:
        return "", float("nan")
    row = rows.loc[rows["value"].idxmin() if low else rows["value"].idxmax()]
    return model_name(row["model"]), float(row["value"])


def _headline(results: Results) -> list[str]:
    scored, classes = metrics(results), tested_classes(results)
    parts = []
    for key, words in (("macro_f1", "macro-F1"), ("r", "r")):
        for row in scored[scored["model"].eq(MODEL) & scored["metric"].eq(key)].itertuples():
            name, value = best_baseline(scored, row.task, key)
            label = row.task.replace("_", " ")
            over = classes.get(row.task, (0, 0)) if key == "macro_f1" else (0, 0)
            some = f" over {over[0]} of {over[1]} classes" if over[0] < over[1] else ""
            parts.append(
                f"{label} with {words} {fixed(row.value, 3)}{some} (best baseline, {name}: {fixed(value, 3)})"
            )
    if not parts:
        return []
    return [f"On test cells the learned coordinates predict {listing(parts)}."]


def _blocks(results: Results) -> list[Block]:
    scored = metrics(results)
    pictures = {
        name: picture for name, title in FIGURES.items() if (picture := _picture(results, name, title))
    }
    blocks: list[Block] = [
        Paragraph(_cells(results)),
        *_shown(pictures, "coordinates"),
    ]
    classes, values = scores(scored, _CLASSES, "macro_f1"), scores(scored, _VALUES, "r")
    blocks += [Heading("Predictions")] if len(classes) or len(values) else []
    if len(classes):
        blocks += [
            _named(classes, "Discrete labels on test cells, beside plain baselines on the same cells.")
        ]
        blocks += [*_untested(results), *_coverage(scored), *_shown(pictures, "classes")]
    if len(values):
        blocks += [_named(values, "Continuous labels on test cells, in the labels' own units.")]
        blocks += _shown(pictures, "values")
    blocks += [Heading("Unsupervised coordinates"), Paragraph(_information(results, scored))]
    blocks += [*_leaks(scored), *_shown(pictures, "active")]
    output = [*_shown(pictures, "reconfiguration"), *scenarios.generated(results)]
    output += [*_restored(results), *_shown(pictures, "restoration")]
    output += scenarios.networks(results, _shown(pictures, "networks"))
    blocks += [Heading("Reconfiguration"), Paragraph(_MODEL_OUTPUT), *output] if output else []
    if "losses" in pictures:
        blocks.append(Fold("Losses along training", (Gallery((pictures["losses"],)),)))
    return blocks


def _picture(results: Results, name: str, title: str) -> Picture | None:
    stem = f"{FOLDER}/figures/{name}"
    if stem not in results.figures(f"{FOLDER}/figures/*"):
        return None
    return results.picture(stem, title, caption=caption(f"{FOLDER}_{name}"))


def _shown(pictures: dict[str, Picture], name: str) -> list[Block]:
    return [Gallery((pictures[name],))] if name in pictures else []


def _named(rows: pd.DataFrame, text: str) -> Block:
    return table(rows.assign(model=rows["model"].map(model_name)), caption=text, file=METRICS)


def _cells(results: Results) -> str:
    split = results.table(SPLIT, dtype=str)["split"].value_counts()
    return (
        f"Learned from {count(split.get('train', 0))} cells; {count(split.get('validation', 0))} validation "
        "cells decided "
        f"when to stop and how far to trust predictions; {count(split.get('test', 0))} test cells were used "
        "for the scores below only."
    )


def _untested(results: Results) -> list[Block]:
    """Say which labels have classes that no test cell carries, so that the scores leave them out."""
    few = [
        f"{label.replace('_', ' ')} over {tested} of {known} classes"
        for label, (tested, known) in tested_classes(results).items()
        if tested < known
    ]
    if not few:
        return []
    text = f"Test cells do not carry all classes: scores of {listing(few)}; nothing is known of the others."
    return [Paragraph(text, "note")]


def _coverage(scored: pd.DataFrame) -> list[Block]:
    texts = []
    for row in scored[scored["model"].eq(MODEL) & scored["metric"].eq("coverage")].itertuples():
        kept = scored[
            scored["task"].eq(row.task) & scored["metric"].eq("accuracy_covered") & scored["model"].eq(MODEL)
        ]
        right = f", of the others {percent(kept['value'].iloc[0])} are right" if len(kept) else ""
        texts.append(
            f"{row.task.replace('_', ' ')}: {percent(1 - row.value)} of the test cells are called "
            f"unknown{right}"
        )
    return [Paragraph(f"{'; '.join(texts)}.")] if texts else []


def _information(results: Results, scored: pd.DataFrame) -> str:
    active = results.table(ACTIVE, dtype={"coordinate": str, "best_label": str})
    used = int(active["active"].astype(str).eq("True").sum())
    text = f"{used} of {plural(len(active), 'unsupervised coordinate')} carry information."
    errors = scored[scored["task"].eq("reconstruction")].set_index("model")["value"]
    others = [f"{name.upper()} {fixed(value, 3)}" for name, value in errors.items() if name != MODEL]
    if MODEL in errors:
        beside = f" ({listing(others)})" if others else ""
        share = fixed(errors[MODEL], 3)
        text += f" The squared error of reconstruction is {share} of that of the genes' means{beside}."
    return text


def _leaks(scored: pd.DataFrame) -> list[Block]:
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
        "Leaks: how well each label can be read from the unsupervised coordinates alone (cross-validated "
        "probes), beside "
        "permuted labels. Set unicoord.independence where they should know nothing of the labels."
    )
    titles = {"task": "label", "model": "probe", "null": "by chance"}
    return [
        table(shown[["task", "model", "metric", "value", "null"]], titles=titles, caption=text, file=METRICS)
    ]


def _restored(results: Results) -> list[Block]:
    if not results.has(RESTORED):
        return []
    restored = results.table(RESTORED, dtype={"label": str, "model": str, "metric": str})
    rows = restored[restored["metric"].isin(_RESTORED)]
    wide = rows.pivot_table(
        index=["label", "low", "high", "model"], columns="metric", values="value", sort=False
    )
    wide = wide.reindex(columns=list(_RESTORED)).rename(columns=_RESTORED).reset_index()
    left = [f"{number(low)} to {number(high)}" for low, high in zip(wide["low"], wide["high"], strict=True)]
    wide.insert(1, "left out", left)
    wide = wide.drop(columns=["low", "high"]).assign(model=wide["model"].map(_guess))
    wide.columns.name = None
    text = (
        "Groups that training never saw, restored and compared with the true cells; correlations are best at "
        "1, distance "
        "and error at 0. The correlation of means alone is high for almost any guess."
    )
    return [Heading("Restoration"), table(wide, caption=text, file=RESTORED)]


def _guess(model: str) -> str:
    return "cells of all other groups" if model == "mean" else model_name(model)


def _genes(results: Results) -> str:
    """Return on how many genes the model was trained, and whether that is fewer than were asked for."""
    number, wanted = len(card(results)["genes"]), results.settings(FOLDER).get("n_genes")
    if not wanted:
        return f"the {count(number)} genes that all studies have"
    if number < wanted:
        return f"{count(number)} genes, as many of the {count(wanted)} asked for as all studies have"
    return f"{count(number)} variable genes"


def _methods(results: Results) -> list[str]:
    used, scored = results.settings(FOLDER), metrics(results)
    of_model = scored[scored["model"].eq(MODEL)]
    discrete, values = (
        sorted(of_model.loc[of_model["metric"].eq(key), "task"].unique()) for key in ("macro_f1", "r")
    )
    kinds = [
        f"{listing(names)} ({kind})"
        for names, kind in ((discrete, "discrete"), (values, "continuous"))
        if names
    ]
    return [
        f"A joint variational autoencoder with supervised coordinates (UniCoord) was trained on "
        f"{_genes(results)}, "
        f"supervised by {listing(kinds) if kinds else 'no label'}, with {used.get('latent')} unsupervised "
        "coordinates; "
        f"{percent(used.get('held_out', np.nan))} of the cells were held out for the scores, and "
        f"{percent(used.get('validation', np.nan))} for early stopping, temperature scaling and the "
        "threshold of unknown "
        f"cells ({percent(used.get('unknown_share', np.nan))} of known cells).",
        *_baselines(discrete, values),
    ]


def _baselines(discrete: list[str], values: list[str]) -> list[str]:
    """Return what the predictions of the labels that there are were compared with."""
    plain = ["logistic regression"] * bool(discrete) + ["ridge regression"] * bool(values)
    if not plain:
        return []
    names = listing([*plain, "nearest neighbours (k = 15)"])
    genes = ", and ridge regression on the genes" if values else ""
    return [f"Baselines were {names} on 50 principal components of the same training cells{genes}."]


SECTION = Section(
    FOLDER,
    "Learned coordinates",
    (METRICS, ACTIVE, SPLIT, CARD, CONFUSION),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("unicoord", "guo2017calibration", "sadinle2019sets", "szekely2013energy"),
    optional=True,
)
