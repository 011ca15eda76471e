"""How classes of cells are named, wherever they come from."""

from __future__ import annotations

from typing import Any

import numpy as np


def class_name(value: Any) -> str:
    """Return the name of a class: numbers as people write them."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)
