"""Reliability of a line's network between bins or halves of its cells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMNS = ["line", "model", "source", "parts", "measure", "within", "others", "rank", "flag"]


def reliability(
    similarities: Mapping[str, np.ndarray],
    line: np.ndarray,
    names: list[str],
    *,
    source: str,
    least: float = 0.2,
    chance: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Compare the parts (bins, halves) of each line with each other and with those of other lines.

    Parameters
    ----------
    similarities
        Measure -> (B, B) similarity of parts.
    line
        (B,) number of each part's line.
    names
        Of all lines; one without parts, or with one part, gets a row with the flag ``unknown``.
    source
        ``"bins"`` or ``"halves"``.
    least
        A line whose parts agree less (above chance, see `chance`) is flagged ``unreliable``.
    chance
        Measure -> what unrelated networks reach; agreement is counted from there: (s - chance) / (1 -
        chance).

    Returns
    -------
    One row per line and measure: line, source, parts, measure, within (mean similarity of the line's own
    parts), others (mean similarity to other lines' parts), rank (fraction of the other lines whose parts are
    less alike to the line's than its own), flag: empty, ``unreliable``, ``not distinct`` (its parts are no
    more alike than parts of other lines: reliable, perhaps, but no basis for a difference between lines),
    ``unknown``.
    """
    rows = []
    for measure, similarity in similarities.items():
        base = (chance or {}).get(measure, 0.0)
        for at, name in enumerate(names):
            members = np.flatnonzero(line == at)
            row = {"line": name, "source": source, "parts": len(members), "measure": measure}
            if len(members) < 2:
                rows.append(row | {"within": np.nan, "others": np.nan, "rank": np.nan, "flag": "unknown"})
                continue
            block = similarity[np.ix_(members, members)]
            within = block[np.triu_indices(len(members), 1)].mean()
            means = [
                similarity[np.ix_(members, np.flatnonzero(line == other))].mean()
                for other in range(len(names))
                if other != at and (line == other).any()
            ]
            others = float(np.mean(means)) if means else np.nan
            flag = ""
            if not within - base > least * (1 - base):
                flag = "unreliable"
            elif means and within <= others:
                flag = "not distinct"
            rank = float(np.mean(np.array(means) < within)) if means else np.nan
            rows.append(row | {"within": within, "others": others, "rank": rank, "flag": flag})
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "model"])


def vector_similarity(vectors: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of the rows (parts x genes); 0 where one is constant."""
    from panscape.stats.ranks import centred_ranks

    x = centred_ranks(vectors, axis=-1)
    size = np.sqrt(np.square(x).sum(axis=1))
    x = np.divide(x, size[:, None], out=np.zeros_like(x), where=size[:, None] > 0)
    result = x @ x.T
    np.fill_diagonal(result, 1.0)
    return result
