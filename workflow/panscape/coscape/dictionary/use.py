"""Use of the entries by labels of cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

NOT_LABELS = ("study", "n_counts", "n_genes")  # scores are relative to the study, and free of depth
MAX_VALUES = 12  # numbers of more values are grouped
GROUPS = 8


def label_means(
    studies: Iterable[tuple[pd.DataFrame, np.ndarray]], names: Sequence[str], columns: Sequence[str]
) -> pd.DataFrame:
    """Average the scores of the entries over the cells of each label.

    Parameters
    ----------
    studies
        Annotation of the cells and scores (n_cells, K) of each study.
    names
        K entries.
    columns
        Columns of the annotation; those of depth, and those that do not vary within a study, are left out.
        Numbers of more than twelve values are grouped into up to eight ranges of as many cells.

    Returns
    -------
    entry, column, value, score (mean), n_cells, by column, value (numbers ascend) and entry.

    Examples
    --------
    >>> obs = pd.DataFrame({"cell_type": ["alpha", "beta", "beta"]})
    >>> label_means([(obs, np.array([[1.0], [-1.0], [0.0]]))], ["entry-01"], ["cell_type"])["score"].tolist()
    [1.0, -0.5]
    """
    tables, scores = zip(*studies, strict=True)
    values = pd.DataFrame(np.concatenate(scores).astype(np.float64), columns=list(names))
    parts = []
    for column in dict.fromkeys(columns):
        if column in NOT_LABELS or not any(
            column in table and table[column].nunique() > 1 for table in tables
        ):
            continue  # scores are relative to their study
        given = [
            table[column] if column in table else pd.Series(np.nan, index=table.index) for table in tables
        ]
        label, order = _labels(pd.concat([part.astype(object) for part in given]).reset_index(drop=True))
        groups = values.groupby(label.to_numpy(), sort=False)
        means, sizes = groups.mean().reindex(order), groups.size().reindex(order)
        long = means.rename_axis("value").reset_index().melt("value", var_name="entry", value_name="score")
        long["n_cells"] = long["value"].map(sizes).astype(int)
        parts.append(long.assign(column=column))
    named = ["entry", "column", "value", "score", "n_cells"]
    return pd.concat(parts, ignore_index=True)[named] if parts else pd.DataFrame(columns=named)


def _labels(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return the label of each cell (missing stays missing) and the labels in order."""
    number = pd.to_numeric(values, errors="coerce")
    if number.notna().sum() < values.notna().sum() or not number.notna().any():
        label = values.astype(object).where(values.notna()).map(str, na_action="ignore")
        return label, sorted(label.dropna().unique())
    if number.nunique() > MAX_VALUES:
        ranges = pd.qcut(number, GROUPS, duplicates="drop")
        low = float(number.min())  # pandas lowers the first limit a little
        names = {part: f"{max(part.left, low):.4g} to {part.right:.4g}" for part in ranges.cat.categories}
        return ranges.astype(object).map(names, na_action="ignore"), list(names.values())
    names = {value: f"{value:g}" for value in sorted(number.dropna().unique())}
    return number.map(names), list(names.values())
