"""Annotation of new studies with a finished model: nothing of them is trained on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.data.labels import class_name, class_names
from panscape.errors import fail
from panscape.log import logger
from panscape.unicoord.cells import Cells
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.sketch import trained_on

SUMMARY = ["study", "label", "kind", "cells", "unlabelled", "unknown", "confidence", "agreement"]
CLASSES = ["study", "label", "value", "cells", "unlabelled", "unknown", "confidence"]


def annotate_studies(
    model: CoordinateSystem, cells: Cells
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predict the labels of studies that the model was not trained on.

    Each study is a batch: its classes are moved onto those of the training cells, and what is unknown is
    judged by its own scatter (see :meth:`CoordinateSystem.predict`).

    Parameters
    ----------
    model
        A trained model.
    cells
        Cells of the studies, with the column `study`. Labels that they have are used for the agreement only.

    Returns
    -------
    The predictions of all cells: cell, study, label, kind, value, truth (the cell's label, if any),
    probability, lower, upper, unknown_score, unknown.
    A row per study and label: numbers of cells and of unlabelled cells, fraction unknown, median probability,
    and agreement with labels that the cells have (fraction equal; Pearson correlation of numbers).
    A row per study, discrete label and predicted class.

    Raises
    ------
    UserError
        If too few genes of the model are in the data, the model has no labels, or it was trained on one of
        the studies.
    """
    if not model.labels:
        raise fail("unicoord.apply.model", "the model has no labels to annotate with", "take another model")
    for study, name in trained_on(model.card, cells).items():
        also = "" if study == name else f", as study {name!r}"
        problem = f"the model was trained on the cells of {study!r}{also}: it knows their labels already"
        advice = f"remove {study!r} from the list, or take another model"
        raise fail("unicoord.apply.studies", problem, advice)
    table = model.predict(cells, batch="study")
    at = np.tile(np.arange(len(cells)), len(model.labels))
    table.insert(1, "study", cells.obs["study"].astype(str).to_numpy()[at])
    table.insert(5, "truth", np.concatenate([_truth(cells, label.name) for label in model.labels]))
    for name in ("probability", "unknown_score"):
        table[name] = table[name].astype(float).round(4)
    groups = list(table.groupby(["study", "label"], sort=False))
    summary = [(study, label, *_summed(part)) for (study, label), part in groups]
    classes = [
        (study, label, value, *_counted(rows))
        for (study, label), part in groups
        if part["kind"].iloc[0] != "continuous"
        for value, rows in part.groupby("value", sort=True)
    ]
    for row in summary:
        logger.info("%s, %s: %s cells, %.1f %% unknown", row[0], row[1], row[3], 100 * row[5])
    return table, pd.DataFrame(summary, columns=SUMMARY), pd.DataFrame(classes, columns=CLASSES)


def _truth(cells: Cells, name: str) -> np.ndarray:
    if name not in cells.obs:
        return np.full(len(cells), None, dtype=object)
    return class_names(cells.obs[name]).to_numpy(dtype=object)


def _counted(rows: pd.DataFrame) -> tuple[int, int, float, float]:
    """Return numbers of cells and of unlabelled ones, fraction unknown, and median probability."""
    return (
        len(rows),
        int(rows["truth"].isna().sum()),
        float(rows["unknown"].astype(bool).mean()),
        float(rows["probability"].median()) if rows["probability"].notna().any() else float("nan"),
    )


def _summed(rows: pd.DataFrame) -> tuple:
    kind = rows["kind"].iloc[0]
    known = rows[rows["truth"].notna()]
    agreement = float("nan")
    if kind != "continuous" and len(known):
        agreement = float((known["value"].map(class_name) == known["truth"]).mean())
    elif len(known) > 2:
        two = [pd.to_numeric(known[name], errors="coerce").to_numpy(float) for name in ("value", "truth")]
        if min(np.ptp(part) for part in two) > 0:
            agreement = float(np.corrcoef(*two)[0, 1])
    return (kind, *_counted(rows), agreement)
