"""Labels and cells of scenarios that the configuration names, found in the annotation of the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from panscape.errors import fail
from panscape.unicoord.settings import USUAL, Hierarchy, Label


def configured_labels(settings: Mapping[str, Any], obs: pd.DataFrame) -> tuple[list[Label], list[Hierarchy]]:
    """Return the labels and hierarchies of the configuration, or the default ones that the cells have."""
    given = settings.get("labels") or [
        {"name": name, "kind": kind}
        for name, kind in USUAL.items()
        if name in obs and obs[name].nunique(dropna=True) > 1
    ]
    if not given:
        problem = f"the cells have none of {', '.join(USUAL)}"
        raise fail("unicoord.labels", problem, "name columns that studies[].obs maps")
    labels = [Label.of({key: value for key, value in item.items() if key != "parent"}) for item in given]
    return labels, [Hierarchy(item["name"], item["parent"]) for item in given if item.get("parent")]


def matching(obs: pd.DataFrame, wanted: Mapping[str, Any], name: str) -> np.ndarray:
    """Return the cells (ascending numbers) with the wanted labels: a class, classes, a number or a range.

    Parameters
    ----------
    obs
        Annotation of all cells.
    wanted
        The scenario's ``from``: label -> class, classes, value or range.
    name
        Name of the scenario.

    Raises
    ------
    UserError
        If there is no such column, or no cell.

    Examples
    --------
    >>> obs = pd.DataFrame({"type": ["a", "b", "b"], "age": [1.0, 2.0, 9.0]})
    >>> matching(obs, {"type": "b", "age": [0, 5]}, "young").tolist()
    [1]
    """
    chosen = np.ones(len(obs), dtype=bool)
    for label, value in wanted.items():
        where = f"unicoord.scenarios: {name}.from.{label}"
        if label not in obs:
            raise fail(
                where, "the cells have no such column", f"take one of {', '.join(map(str, obs.columns))}"
            )
        column = obs[label]
        ranged = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
        if ranged and all(isinstance(part, (int, float)) for part in value):
            numbers = pd.to_numeric(column.astype(object), errors="coerce")
            chosen &= ((numbers >= value[0]) & (numbers <= value[1])).to_numpy()
        else:
            names = [value] if isinstance(value, (str, int, float)) else value
            chosen &= column.astype(str).isin([str(part) for part in names]).to_numpy()
    rows = np.flatnonzero(chosen)
    if not len(rows):
        raise fail(
            f"unicoord.scenarios: {name}.from",
            "no cell matches",
            "check the spelling of the classes",
            few=True,
        )
    return rows
