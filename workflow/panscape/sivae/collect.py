"""The tables of all lines together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from panscape.data import files


def collect_tables(folders: Mapping[str, str | Path], names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Put tables of all lines below each other.

    Parameters
    ----------
    folders
        line -> its folder.
    names
        Of the files, e.g. ``["models.tsv"]``.

    Returns
    -------
    Name -> table, with a column `line` in front.
    """
    tables = {}
    for name in names:
        parts = []
        for line, folder in folders.items():
            table = files.read_tsv(Path(folder) / name, dtype={"bin": str})
            parts.append(table.drop(columns="line", errors="ignore").assign(line=line))
        table = pd.concat(parts, ignore_index=True)
        tables[name] = table[["line", *(column for column in table if column != "line")]]
    return tables
