"""Lookup of a root by cluster name."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from panscape.coscape.landscape.settings import LOWEST_AGE, NO_ROOT
from panscape.errors import fail


def named_root(clusters: pd.DataFrame, name: str) -> int:
    """Return the position of a named cluster.

    Parameters
    ----------
    clusters
        One row per cluster: `cluster`, `study` and, if the same cells occurred several times, `duplicates`:
        alternative names of the cluster.
    name
        E.g. ``lab-r1-l0-c3``.

    Raises
    ------
    UserError
        If no cluster has the name; the message suggests similar names and the range of numbers.
    """
    names = clusters["cluster"].to_numpy(dtype=object)
    matches = np.flatnonzero(names == name)
    if len(matches):
        return int(matches[0])
    others: dict[str, int] = {}
    if "duplicates" in clusters:
        for row, (study, twins) in enumerate(zip(clusters["study"], clusters["duplicates"], strict=True)):
            for part in str(twins if pd.notna(twins) else "").split(";"):
                others.setdefault(f"{study}-{part}", row)
    if name in others:
        return others[name]
    known = [*names, *others]
    level, _, _ = name.rpartition("-c")
    count = sum(other.rpartition("-c")[0] == level for other in known)
    problem = f"there is no cluster {name}"
    problem += f"; {level} has {count} clusters, c0 to c{count - 1}" if count else ""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    listed = " or ".join(close or [str(names[0])])
    raise fail("landscape.root", problem, f"write {LOWEST_AGE}, {NO_ROOT} or a cluster such as {listed}")
