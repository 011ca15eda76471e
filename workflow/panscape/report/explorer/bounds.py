"""Bounds of the data in a report, and the encodings that keep them small."""

from __future__ import annotations

import base64

import numpy as np

MOST_POINTS = 20_000
"""Points of a map; of more, some are drawn at random."""
MOST_GENES = 3_000
"""Genes with a page: those that change most along pseudotime, then those of networks."""
MOST_VALUES = 4_000_000
"""Values of expression (genes x clusters)."""
MOST_EDGES = 20_000
"""Edges of a map's graph, the heaviest."""
MOST_LEVELS = 60
"""Classes of a column; a column with more is left out."""
PAIRS = 8
"""Strongest pairs of a cluster."""
SETS = 6
"""Gene sets of a gene."""
NEIGHBOURS = 10
"""Neighbours of a gene, in a dictionary entry and in the lines' networks."""


def bytes_of(values: np.ndarray) -> tuple[str, list[float | None], list[float | None]]:
    """Encode rows in 255 steps between their smallest and largest value; 255 is missing.

    Parameters
    ----------
    values
        (rows, columns) float, with NaN.

    Returns
    -------
    The bytes (row by row) in base64, and each row's smallest and largest value.

    Examples
    --------
    >>> text, low, high = bytes_of(np.array([[0.0, 1.0, np.nan]]))
    >>> list(base64.b64decode(text)), low, high
    ([0, 254, 255], [0.0], [1.0])
    """
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
    empty = ~np.isfinite(low)
    low[empty], high[empty] = 0.0, 0.0
    span = np.where(high > low, high - low, 1.0)
    steps = np.rint((np.where(known, values, 0.0) - low[:, None]) / span[:, None] * 254)
    coded = np.where(known, np.clip(steps, 0, 254), 255).astype(np.uint8)
    return base64.b64encode(coded.tobytes()).decode(), numbers(low), numbers(high)


def numbers(values: np.ndarray, digits: int = 4) -> list[float | None]:
    """Return numbers of four significant digits, None where they are missing.

    Examples
    --------
    >>> numbers(np.array([1.23456, np.nan]))
    [1.235, None]
    """
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in np.asarray(values, float).tolist()]
