"""Concatenation of the lines' tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from panscape.data import files


def collect_tables(folders: Mapping[str, str | Path], names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Concatenate the tables of all lines.

    Parameters
    ----------
    folders
        line -> its folder.
    names
        File names, e.g. ``["models.tsv"]``.

    Returns
    -------
    Name -> table, with `line` as first column.
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
