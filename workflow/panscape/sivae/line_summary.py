"""Properties of a line: depth, detection, composition and phenotypes, from the annotation of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from panscape.stats.means import group_means

JOIN, GIVES = "; ", ": "
MAX_LABELS = 30  # with more labels, only the most frequent ones of a line are listed


def summarise(cells: pd.DataFrame, columns: Sequence[str], labels: str | None) -> dict[str, Any]:
    """Return depth, detected, composition and the phenotype columns of a line.

    Parameters
    ----------
    cells
        Annotation of the line's cells, with `n_counts`.
    columns
        Annotations to summarise: the mean of numbers, or a text that all cells share (else None).
    labels
        Column of cell types; None, or a column that is not there, leaves the composition empty.

    Examples
    --------
    >>> cells = pd.DataFrame({"n_counts": [9.0, 5.0, 7.0], "type": ["B", "T", "B"], "age": 3})
    >>> summarise(cells, ["age"], "type")["composition"]
    'B: 0.6667; T: 0.3333'
    """
    return {
        "depth": float(cells["n_counts"].median()),
        "detected": float(cells["n_genes"].median()) if "n_genes" in cells else float("nan"),
        "composition": _composition(cells, labels),
        **_phenotypes(cells, columns),
    }


def fractions(composition: pd.Series) -> pd.DataFrame:
    """Return the fractions (lines x labels) of a column of compositions; no column if one is missing."""
    if composition.isna().any() or (composition.astype(str) == "").any():
        return pd.DataFrame(index=composition.index)
    parts = [
        {label: float(value) for label, value in (part.rsplit(GIVES, 1) for part in text.split(JOIN))}
        for text in composition
    ]
    return pd.DataFrame(parts, index=composition.index).fillna(0.0)


def _composition(cells: pd.DataFrame, labels: str | None) -> str:
    if labels is None or labels not in cells:
        return ""
    shares = cells[labels].astype(str).replace(JOIN, " ", regex=False).value_counts(normalize=True)
    shares = shares.sort_index().sort_values(ascending=False, kind="stable").head(MAX_LABELS)
    return JOIN.join(f"{label}{GIVES}{share:.4f}" for label, share in shares.items())


def _phenotypes(cells: pd.DataFrame, columns: Sequence[str]) -> dict[str, Any]:
    phenotype: dict[str, Any] = {}
    for column in columns:
        if column not in cells or column == "line":
            continue
        values = cells[column].dropna()
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            number = values.to_numpy(dtype=float)
            phenotype[column] = float(group_means(np.zeros(len(number), dtype=int), number, 1)[0])
        else:
            kinds = values.astype(str).unique()
            phenotype[column] = kinds[0] if len(kinds) == 1 else None
    return phenotype
