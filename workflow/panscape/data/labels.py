"""Class names and missing labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def class_name(value: Any) -> str:
    """Return the name of a class; whole numbers without a decimal point."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def present(labels: ArrayLike) -> np.ndarray:
    """Return the mask (n,) of labels that are not missing (None, NaN, "")."""
    column = pd.Series(list(np.asarray(labels, dtype=object)), dtype=object)
    return ~(column.isna() | (column.astype(str) == "")).to_numpy()
