"""Depth of lines, and the depth to which all of them are thinned."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from panscape.errors import fail
from panscape.log import logger

OK, SHALLOW = "ok", "too shallow"
SHALLOWEST = 0.2  # smallest depth of a line with a model, as a fraction of the median over lines


def with_equal_depth(lines: pd.DataFrame, min_depth: int | None, logged: Sequence[str] = ()) -> pd.DataFrame:
    """Return the lines with the depth to which they are thinned; those too shallow get no model.

    Lines that are divided by cell type are thinned to the shallowest line of their type, since only lines of
    a type are compared.

    Parameters
    ----------
    lines
        line, name, within (if lines are divided), study, n_cells, n_bins, bin_cells, discarded, depth,
        thinned_to, models, status.
    min_depth
        Minimum depth; None: :data:`SHALLOWEST` of the median over lines.
    logged
        Studies of log values, which cannot be thinned: with any of them depths stay as they are.

    Raises
    ------
    UserError
        If no line has the minimum depth.
    """
    with_model = lines["status"] == OK
    if not_counts := sorted(set(lines.loc[with_model, "study"]) & set(logged)):
        logger.warning("study %s has log values: depths of lines stay as they are", not_counts[0])
        return lines
    depth = lines["depth"]
    kinds = lines["within"].fillna("") if "within" in lines else pd.Series("", index=lines.index)
    least = pd.Series(float(min_depth or 0), index=lines.index)
    if min_depth is None:
        least = depth.where(with_model).groupby(kinds).transform("median") * SHALLOWEST
    shallow = with_model & (depth < least)
    if shallow.equals(with_model):
        problem = f"no line has this depth; the deepest has {depth[with_model].max():.0f} counts per cell"
        raise fail("sivae.min_depth", problem, "lower it")
    for line, limit in zip(lines[shallow].to_dict("records"), least[shallow], strict=True):
        name = f"{line['name']} ({line['within']})" if "within" in line else line["name"]
        logger.warning(
            "line %s has %.0f counts per cell, too few (%.0f): no model", name, line["depth"], limit
        )
    lines = lines.assign(
        status=lines["status"].mask(shallow, SHALLOW), models=lines["models"].mask(shallow, 0)
    )
    lines.loc[shallow, ["n_bins", "bin_cells"]] = 0
    lines.loc[shallow, "discarded"] = lines.loc[shallow, "n_cells"]
    kept = with_model & ~shallow
    target = depth.where(kept).groupby(kinds).transform("min")
    return lines.assign(thinned_to=lines["thinned_to"].mask(kept, target))


def thinned_depths(lines: pd.DataFrame) -> dict[str, float]:
    """Return line -> counts per cell to which it is thinned, for lines that are thinned.

    Parameters
    ----------
    lines
        Table of lines, with `thinned_to`.
    """
    thinned = lines[lines["thinned_to"].notna() & (lines["status"] == OK)]
    return dict(zip(thinned["line"], thinned["thinned_to"].astype(float), strict=True))


def kept_fractions(lines: pd.DataFrame) -> dict[str, float]:
    """Return line -> fraction of the counts that thinning keeps, for lines that are thinned.

    Parameters
    ----------
    lines
        Table of lines, with `depth` and `thinned_to`.
    """
    depth = lines.set_index("line")["depth"].astype(float)
    return {line: target / depth[line] for line, target in thinned_depths(lines).items()}
