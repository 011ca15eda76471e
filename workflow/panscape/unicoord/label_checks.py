"""Checks of label columns before training."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from panscape.data.labels import class_name
from panscape.errors import Problem
from panscape.unicoord.settings import Label
from panscape.unicoord.transform import FROM_ZERO

_NAMED_LIKE_IDS = re.compile(r"clust|leiden|louvain|(^|_)(id|ids|group)$", re.IGNORECASE)


def class_text(column: pd.Series) -> pd.Series:
    """Return classes as text (1.0 as `1`), without missing values."""
    return column.dropna().map(class_name)


def label_problems(obs: pd.DataFrame, label: Label) -> Iterator[Problem]:
    """Yield the problems of a label's column in the annotation of the training cells."""
    where = f"unicoord.labels: {label.name}"
    if label.name not in obs:
        known = ", ".join(map(str, obs.columns)) or "none"
        yield Problem(
            where, f"the cells have no column of that name (columns: {known})", "map it in studies[].obs"
        )
        return
    column = obs[label.name]
    if column.isna().all():
        yield Problem(
            where, "no cell to train on has a value", "remove the label, or map a filled column", few=True
        )
        return
    if label.kind == "discrete" or label.order:
        yield from _class_problems(class_text(column), label, where)
        return
    numbers = pd.to_numeric(pd.Series(column.astype(object)), errors="coerce")
    odd = column[numbers.isna().to_numpy() & column.notna().to_numpy()]
    if len(odd):
        advice = "write kind: discrete, or kind: ordinal with order: [...]"
        yield Problem(where, f"{odd.iloc[0]!r} is not a number, but the label is {label.kind}", advice)
    elif np.isinf(numbers).any():
        yield Problem(
            where,
            f"{np.isinf(numbers).sum()} values are infinite",
            "leave them empty: such cells count as unlabelled",
        )
    elif numbers.nunique() < 2:
        yield Problem(
            where,
            f"all values are {numbers.dropna().iloc[0]:g}",
            "a constant label is not informative: remove it",
            few=True,
        )
    elif label.kind == "continuous" and _looks_like_ids(column, numbers):
        problem = f"its {numbers.nunique()} whole numbers look like cluster ids, but the label is continuous"
        yield Problem(where, problem, "write kind: discrete (or ordinal, if they are ordered)")
    elif label.transform in FROM_ZERO and numbers.min() < 0:
        problem = f"{numbers.min():g} is below 0, which {label.transform} is not defined for"
        yield Problem(where, problem, "write transform: none, or rank")


def _class_problems(text: pd.Series, label: Label, where: str) -> Iterator[Problem]:
    counts = text.value_counts()
    if label.order:
        unknown = [name for name in counts.index if name not in label.order]
        if unknown:
            yield Problem(where, f"{unknown[0]!r} is not in its order", "list every class, first to last")
            return
    if len(counts) == 1:
        yield Problem(
            where, f"all cells are {counts.index[0]!r}", "a label needs two classes: remove it", few=True
        )
    elif (counts >= label.min_cells).sum() < 2:
        problem = f"fewer than two of its {len(counts)} classes have {label.min_cells} training cells"
        yield Problem(where, problem, "lower min_cells, or take a coarser label", few=True)


def _looks_like_ids(column: pd.Series, numbers: pd.Series) -> bool:
    """Whether numbers are probably class names: categories, or 0..K-1 / 1..K in a column named like one."""
    values = np.sort(numbers.dropna().unique())
    if len(values) < 3 or (values != np.round(values)).any():
        return False
    in_row = values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))
    named = bool(_NAMED_LIKE_IDS.search(str(column.name)))
    return in_row and (named or isinstance(column.dtype, pd.CategoricalDtype))
