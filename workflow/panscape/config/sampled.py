"""Check of the column named by `landscape.sample` against the ages of a study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def names_samples(config: dict[str, Any], study: dict[str, Any]) -> bool:
    """Return whether a study has ages and a column that names its samples."""
    name = config["landscape"]["sample"]
    named = name not in ("auto", "cell") and name in study["obs"]
    return named and "age" in study["obs"] and "landscape" in study["use"]


def check_samples(config: dict[str, Any], study: dict[str, Any], mapped: pd.DataFrame) -> None:
    """Check that all cells of a sample have one age.

    Parameters
    ----------
    config, study
        The configuration and one of its studies for which :func:`names_samples` is true.
    mapped
        Mapped columns of the cells in use.

    Raises
    ------
    UserError
        If a sample has cells of several ages.
    """
    from panscape.coscape.landscape.units import choose_units

    age = mapped["age"].to_numpy(dtype=np.float64, na_value=np.nan)
    choose_units(study["id"], mapped, age, config["landscape"]["sample"])
