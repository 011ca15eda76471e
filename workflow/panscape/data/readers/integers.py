"""Checks that values are counts, or logarithms of counts."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.errors import fail
from panscape.log import logger

_NOISE = 1e-3  # difference from whole numbers that comes from rounding
_LOGGED_BELOW = 20.0  # e^20 is far beyond any count of a gene in a cell
MOST_LOST = 0.5  # fraction of values above 0 that rounding may remove: expected counts lose few
LARGEST = 1 << 24  # float32 has every whole number up to this one; cells have fewer molecules of all genes


def described(dtype: np.dtype) -> str:
    """Return what the values of a type are, for messages."""
    return {"c": "complex numbers", "S": "text", "U": "text", "O": "text", "V": "records"}.get(
        dtype.kind, str(dtype)
    )


def _numbers(block: sparse.spmatrix | np.ndarray, where: str) -> np.ndarray:
    values = np.asarray(block.data if sparse.issparse(block) else block)
    if values.dtype.kind not in "biuf":
        raise fail(where, f"the values are {described(values.dtype)}", "name a matrix of numbers in counts")
    return values


def check_logged(block: sparse.spmatrix | np.ndarray, where: str) -> None:
    """Check that a block may be log(1 + x) of normalised expression.

    Parameters
    ----------
    block
        Sparse or dense values; only stored ones are checked.
    where
        Key, study and file for the error message.

    Raises
    ------
    UserError
        If values are complex, NaN, infinite, negative, or too large for logarithms.
    """
    values = _numbers(block, where)
    if not values.size:
        return
    if not np.isfinite(values).all():
        raise fail(
            where, f"{int((~np.isfinite(values)).sum())} values are NaN or infinite", "write 0 instead"
        )
    if (lowest := values.min()) < 0:
        problem = f"values: log, but there are negative values (lowest {lowest:g}), as after scaling"
        raise fail(where, problem, "name values before scaling")
    if (highest := values.max()) > _LOGGED_BELOW:
        problem = f"values: log, but the highest value is {highest:g}"
        raise fail(where, problem, "write values: counts if these are counts")


def check_roundable(block: sparse.spmatrix | np.ndarray, where: str) -> None:
    """Check that a block may be expected counts, which are rounded, and log how much rounding changes.

    Parameters
    ----------
    block
        Sparse or dense values; only stored ones are checked.
    where
        Key, study and file for the error message.

    Raises
    ------
    UserError
        If values are complex, NaN, infinite, negative or too large, or most of them would become 0.
    """
    values = _numbers(block, where)
    values = values[values != 0].astype(float)
    if not values.size:
        return
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > LARGEST:
        problem = "values: rounded, but there are negative values, NaN, or values too large for counts"
        raise fail(where, problem, "name a matrix of (expected) counts in counts")
    rounded = np.rint(values)
    lost, total = float((rounded == 0).mean()), float(rounded.sum() / values.sum())
    if lost > MOST_LOST:
        problem = f"values: rounded would make 0 of {lost:.0%} of the values above 0, as of normalised ones"
        raise fail(where, problem, "name a matrix of (expected) counts in counts")
    logger.info("%s: rounded counts sum to %.4f of the values, %.1f %% become 0", where, total, 100 * lost)


def check_counts(
    block: sparse.spmatrix | np.ndarray, where: str, alternatives: list[str] | None = None
) -> None:
    """Check that a block contains only non-negative integers.

    Parameters
    ----------
    block
        Sparse or dense values; only stored ones are checked.
    where
        Key, study and file for the error message, e.g. from :func:`panscape.data.readers.study.at`.
    alternatives
        Other matrices of the file that `counts` could name (`Source.alternatives`).

    Raises
    ------
    UserError
        If values are complex, NaN, infinite, negative, fractional (the message says if they look logarithmic)
        or above :data:`LARGEST`.
    """
    values = _numbers(block, where)
    if not values.size or values.dtype.kind == "b":
        return
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise fail(where, f"{count} values are NaN or infinite", "write 0 where nothing was counted")
    others = f" (this file also has {', '.join(alternatives)})" if alternatives else ""
    fix = f"name raw counts in counts: X, raw or layer:NAME{others}"
    if (lowest := values.min()) < 0:
        raise fail(where, f"not counts: there are negative values (lowest {lowest:g}), as after scaling", fix)
    if values.dtype.kind == "f" and (fractional := values != np.floor(values)).any():
        example, highest = values[fractional].flat[0], values.max()
        logged = highest < _LOGGED_BELOW
        kind = f"they look logarithmic (highest {highest:g})" if logged else "as after normalisation"
        if not logged or np.abs(values - np.rint(values)).max() < _NOISE:
            fix += "; for expected counts (CellBender, SoupX, alevin) or rounding noise write values: rounded"
        else:
            fix += "; for a study without counts write values: log and use: [sivae]"
        shown = f"{example:g}" if f"{example:g}" != f"{np.rint(example):g}" else repr(float(example))
        raise fail(where, f"not counts: there are fractional values (e.g. {shown}); {kind}", fix)
    if (highest := values.max()) > LARGEST:
        raise fail(where, f"not counts: the highest value is {highest:g}, more than {LARGEST:,}", fix)
