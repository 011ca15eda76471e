"""Colour-blind-safe colours and marker shapes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#4D4D4D")
"""Eight colours that are distinguishable with common forms of colour blindness (Okabe and Ito, 2008)."""
MARKERS = ("o", "^", "s")
MAX_LABELS = len(OKABE_ITO) * len(MARKERS)
"""Maximum number of labels that can be distinguished; the rarest ones are pooled."""
SEQUENTIAL = "viridis"
SEQUENTIAL_2 = "cividis"
DIVERGING = "RdBu_r"
OTHER_COLOUR = "#d0d0d0"


@dataclass(frozen=True)
class Look:
    """Colour and marker of a label."""

    label: str
    colour: str
    marker: str


def colours(labels: Iterable[Hashable]) -> dict:
    """Return label -> colour for distinct labels in the order given (colours repeat after eight).

    Examples
    --------
    >>> colours(["a", "b"])["a"]
    '#0072B2'
    """
    return {label: OKABE_ITO[i % len(OKABE_ITO)] for i, label in enumerate(dict.fromkeys(labels))}


def categorical(
    values: Iterable, *, limit: int = MAX_LABELS, as_met: bool = False
) -> tuple[list[Look], np.ndarray]:
    """Choose a colour and a marker per label of a column.

    The first eight labels differ by colour; the next ones repeat the colours with another marker shape,
    so no two labels rely on shades that some readers cannot distinguish. When there are more than
    `limit` labels, the rarest are drawn in grey as one.

    Parameters
    ----------
    values
        One label per point; missing values are allowed.
    limit
        Maximum number of looks, including the pooled one.
    as_met
        Keep labels in order of appearance, e.g. studies in that of the configuration.

    Returns
    -------
    looks
        In alphabetical order (numbers by size) unless `as_met`; the pooled one last.
    codes
        Index into `looks` per point, -1 where the label is missing.
    """
    column = pd.Series(list(values), dtype=object)
    missing = column.isna() | (column.astype(str) == "")
    text = column.where(missing, column.astype(str))
    counts = text[~missing].value_counts()
    # most frequent first, ties by name, so that the choice does not depend on the order of the points
    ranked = sorted(counts.index, key=lambda label: (-counts[label], label))
    kept = sorted(ranked if len(ranked) <= limit else ranked[: limit - 1], key=_natural)
    if as_met:
        kept = [label for label in text[~missing].unique() if label in set(kept)]
    looks = [
        Look(label, OKABE_ITO[i % len(OKABE_ITO)], MARKERS[(i // len(OKABE_ITO)) % len(MARKERS)])
        for i, label in enumerate(kept)
    ]
    place = {label: i for i, label in enumerate(kept)}
    codes = np.array(
        [-1 if gone else place.get(label, len(kept)) for label, gone in zip(text, missing, strict=True)]
    )
    if len(ranked) > len(kept):
        looks.append(Look(f"other ({len(ranked) - len(kept)} labels)", OTHER_COLOUR, "o"))
    return looks, codes.astype(int)


def _natural(label: str) -> tuple:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label.casefold(), label)
