"""Classes and sampled units of the cells used to choose features."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.data.labels import present
from panscape.errors import fail
from panscape.log import logger
from panscape.unicoord.features.classes import UNITS, Classes
from panscape.unicoord.features.settings import FeatureSettings

DEFAULT_LABEL = "cell_type"


def unit_of(obs: pd.DataFrame, column: str | None) -> np.ndarray:
    """Return the sampled unit of each cell (n,): ``study``, or ``study:value`` of a column.

    Parameters
    ----------
    obs
        Cells with study and the mapped columns.
    column
        ``"auto"`` takes the first of donor, sample, animal and line that is mapped; None the study.

    Raises
    ------
    UserError
        If no study maps the column.
    """
    study = obs["study"].astype(str).to_numpy(dtype=object)
    if column == "auto":
        column = next((name for name in UNITS if name in obs and present(obs[name]).any()), None)
        logger.info("classes are compared within each %s", column or "study")
    if column is None:
        return study
    if column not in obs:
        raise fail(
            "features.unit",
            f"no study maps a column {column!r}",
            "map it in studies[].obs, or write unit: auto",
        )
    value = obs[column].astype(str).to_numpy(dtype=object)
    return np.where(present(obs[column]), study + ":" + value, study)


def labelled(
    obs: pd.DataFrame, units: np.ndarray, settings: FeatureSettings
) -> tuple[np.ndarray | None, Classes | None]:
    """Return (labels, classes within units), both None where sets have to be tested by entropy.

    That is the case if `label` is None, if no study maps cell_type, and if no unit has two classes of
    `min_cells` cells; the reason is logged.

    Parameters
    ----------
    obs
        Annotation of the n cells.
    units
        (n,) sampled units.
    settings
        Label and `min_cells`.

    Raises
    ------
    UserError
        If no study maps a label other than cell_type.
    """
    label = settings.label
    if label is None:
        return None, None
    if label not in obs:
        if label == DEFAULT_LABEL:
            logger.warning("no study maps %s: gene sets are tested and ranked by entropy", label)
            return None, None
        problem = f"no study maps a column {label!r}"
        raise fail("features.label", problem, "map it in studies[].obs, or write label: null")
    labels = obs[label].to_numpy(dtype=object)
    counts = pd.Series(labels[present(labels)]).astype(str).value_counts()
    classes = Classes.of(labels, units, min_cells=settings.min_cells)
    if classes is None or (counts >= settings.min_cells).sum() < 2:
        logger.warning(
            "no two classes of %s have %s cells in one unit (features.unit, features.min_cells): gene sets "
            "are tested and ranked by entropy",
            label,
            settings.min_cells,
        )
        return None, None
    missing = sorted(set(counts.index) - set(classes.names))
    if missing:
        logger.warning("too few cells in every unit to test sets for: %s", ", ".join(missing))
    return labels, classes
