"""Checks of label columns before training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from panscape.data.labels import class_name
from panscape.errors import Problem, fail
from panscape.unicoord.settings import Hierarchy, Label
from panscape.unicoord.transform import FROM_ZERO

_NESTED = 0.95  # minimum fraction of cells in their class's most frequent parent class
_NAMED_LIKE_IDS = re.compile(r"clust|leiden|louvain|(^|_)(id|ids|group)$", re.IGNORECASE)


def class_text(column: pd.Series) -> pd.Series:
    """Return classes as text (1.0 as `1`), without missing values."""
    return column.dropna().map(class_name)


def check_order(parents: Mapping[str, str]) -> None:
    """Check that no label is above itself.

    Parameters
    ----------
    parents
        Label -> the label whose classes are unions of its classes.

    Raises
    ------
    UserError
        For a circle of labels.

    Examples
    --------
    >>> check_order({"type": "lineage", "lineage": "germ layer"})
    """
    for name in parents:
        chain = [name]
        while (last := parents.get(chain[-1])) is not None and last not in chain:
            chain.append(last)
        if last == name and len(chain) > 1:
            problem = f"{' -> '.join([*chain, name])}: each is the parent of the one before"
            raise fail(f"unicoord.labels: {name}.parent", problem, "remove one parent")


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


def check_nested(obs: pd.DataFrame, item: Hierarchy) -> pd.DataFrame:
    """Check that the classes of a label lie within those of its parent, but for a few cells.

    Parameters
    ----------
    obs
        Annotation of cells.
    item
        The pair of labels.

    Returns
    -------
    Number of cells by class (rows) and class of the parent (columns).

    Raises
    ------
    UserError
        If more than one in twenty cells lies outside.

    Examples
    --------
    >>> obs = pd.DataFrame({"type": ["T", "B", "NK"], "lineage": ["lymphoid"] * 3})
    >>> int(check_nested(obs, Hierarchy("type", "lineage")).to_numpy().sum())
    3
    """
    both = obs[[item.child, item.parent]].dropna()
    seen = pd.crosstab(class_text(both[item.child]), class_text(both[item.parent]))
    counts = seen.to_numpy()
    within = counts.max(axis=1) if counts.size else np.zeros(0)
    if within.sum() < _NESTED * counts.sum():
        worst = int((counts.sum(axis=1) - within).argmax())
        problem = (
            f"{item.parent!r} is not a union of classes of {item.child!r}: of the cells of "
            f"{seen.index[worst]!r}, {within[worst]} are {seen.columns[counts[worst].argmax()]!r} and "
            f"{counts[worst].sum() - within[worst]} are not"
        )
        advice = "give a parent label each of whose classes holds whole classes, or none"
        raise fail(f"unicoord.labels: {item.child}.parent", problem, advice)
    return seen


def check_gap(values: np.ndarray, name: str, low: float, high: float) -> np.ndarray:
    """Return the cells of a range that is to be restored, which must have cells and leave others.

    Parameters
    ----------
    values
        (n,) values of a label; NaN where missing.
    name
        The label.
    low, high
        The range.

    Raises
    ------
    UserError
        For a range without cells, or one that leaves too few other values.

    Examples
    --------
    >>> check_gap(np.array([0.0, 1.0, 3.0, np.nan]), "hour", 1, 2).tolist()
    [False, True, False, False]
    """
    where, known = "unicoord.restore", values[np.isfinite(values)]
    left = (values >= low) & (values <= high)
    if not left.any():
        there = f"it is {known.min():g} to {known.max():g}" if len(known) else "none has a value"
        problem = f"no cell has {name} from {low:g} to {high:g}; {there}"
        raise fail(where, problem, "write a range with cells", few=True)
    if len(np.unique(known[(known < low) | (known > high)])) < 2:
        problem = f"{name} from {low:g} to {high:g} leaves fewer than two other values to restore it from"
        raise fail(where, problem, "leave out a smaller range", few=True)
    return left


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
