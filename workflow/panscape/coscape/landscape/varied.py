"""The table of the landscape with other choices: its kinds of rows, and its worst row."""

from __future__ import annotations

import pandas as pd

CONFIGURED, GRID = "as configured", "threshold and neighbours"


def lowest(table: pd.DataFrame, column: str) -> pd.Series | None:
    """Return the row with the lowest value of a column, None if it has none.

    Parameters
    ----------
    table
        From :func:`panscape.coscape.landscape.sensitivity.sensitivity_table`.
    column
        E.g. ``rho_configured``.
    """
    varied = table[table["varied"] != CONFIGURED]
    known = varied[varied[column].notna()]
    return None if known.empty else known.loc[known[column].idxmin()]
