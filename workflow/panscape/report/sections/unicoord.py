"""Learned coordinates: predictions compared with baselines, information, generated cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.report.blocks import Block, Fold, Gallery, Heading, Paragraph, Picture
from panscape.report.format import count, fixed, listing, percent, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections import scenarios
from panscape.report.sections.unicoord_tables import (
    ACTIVE,
    CARD,
    CLASSES,
    CONFUSION,
    FOLDER,
    METRICS,
    MODEL,
    SPLIT,
    VALUES,
    best_baseline,
    card,
    coverage,
    leaks,
    metrics,
    restored_groups,
    score_table,
    scores,
    tested_classes,
    unknown_classes,
    untested_classes,
)

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
_MODEL_OUTPUT = (
    "The following is the model's output, not measurement: it shows what the model has learned of a label, "
    "and is a hypothesis about cells that were not measured."
)


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
    classes, values = scores(scored, CLASSES, "macro_f1"), scores(scored, VALUES, "r")
    blocks += [Heading("Predictions")] if len(classes) or len(values) else []
    if len(classes):
        blocks += [
            score_table(classes, "Discrete labels on test cells, compared with baselines on the same cells.")
        ]
        blocks += [*untested_classes(results), *coverage(scored), *unknown_classes(scored)]
        blocks += _shown(pictures, "classes")
    if len(values):
        blocks += [score_table(values, "Continuous labels on test cells, in the labels' own units.")]
        blocks += _shown(pictures, "values")
    blocks += [Heading("Unsupervised coordinates"), Paragraph(_information(results, scored))]
    blocks += [*leaks(scored), *_shown(pictures, "active")]
    output = [*_shown(pictures, "reconfiguration"), *scenarios.effects(scored)]
    output += scenarios.generated(results)
    output += [*restored_groups(results), *_shown(pictures, "restoration")]
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


def _cells(results: Results) -> str:
    split = results.table(SPLIT, dtype=str)["split"].value_counts()
    return (
        f"Learned from {count(split.get('train', 0))} cells; {count(split.get('validation', 0))} validation "
        f"cells decided when to stop and calibrated the predictions; {count(split.get('test', 0))} test "
        "cells were used for the scores below only."
    )


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


def _genes(results: Results) -> str:
    """Describe the genes of the model, and whether they are fewer than requested."""
    number, wanted = len(card(results)["genes"]), results.settings(FOLDER).get("n_genes")
    if not wanted:
        return f"the {count(number)} genes that all studies have"
    if number < wanted:
        return f"{count(number)} genes (all that the studies share; {count(wanted)} were requested)"
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
        "A joint variational autoencoder with supervised coordinates (UniCoord) was trained on "
        f"{_genes(results)}, supervised by {listing(kinds) if kinds else 'no label'}, with "
        f"{used.get('n_latent')} unsupervised coordinates; {percent(used.get('held_out', np.nan))} of the "
        f"cells were held out for the scores, and {percent(used.get('validation', np.nan))} for early "
        "stopping, temperature scaling and the threshold of unknown cells "
        f"({percent(used.get('unknown_fraction', np.nan))} of known cells).",
        *_baselines(discrete, values),
    ]


def _baselines(discrete: list[str], values: list[str]) -> list[str]:
    """Return a sentence on the baselines of the predictions."""
    plain = ["logistic regression"] * bool(discrete) + ["ridge regression"] * bool(values)
    if not plain:
        return []
    names = listing([*plain, "nearest neighbours (k = 15)"])
    return [
        f"Baselines were {names} on 50 principal components of the same training cells, and {listing(plain)} "
        "on the genes."
    ]


SECTION = Section(
    FOLDER,
    "Learned coordinates",
    (METRICS, ACTIVE, SPLIT, CARD, CONFUSION),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=(
        "unicoord",
        "guo2017calibration",
        "sadinle2019sets",
        "szekely2013energy",
        "korsunsky2019harmony",
        "cleveland1979",
    ),
    optional=True,
)
