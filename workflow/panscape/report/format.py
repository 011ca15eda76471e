"""Formatting of numbers, ranges and lists for readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def count(value: float) -> str:
    """Return a whole number with thousands separated: ``12,345``."""
    return f"{round(value):,}"


def number(value: float, digits: int = 3) -> str:
    """Return a number to some significant digits, without an exponent between 0.001 and a million."""
    value = float(value)
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        return f"{value:,.{places}f}".replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def fixed(value: float, places: int = 2) -> str:
    """Return a number with a fixed number of decimals, for scores between -1 and 1."""
    return f"{float(value):.{places}f}".replace("-", "−") if math.isfinite(value) else "–"


def between(low: float, high: float, show: Callable[[float], str] | None = None) -> str:
    """Return ``2 to 5``, or ``2`` if both ends read the same.

    Parameters
    ----------
    low, high
        Ends of the range.
    show
        Formats an end; :func:`count` by default.

    Examples
    --------
    >>> between(0.25, 0.5, percent)
    '25 % to 50 %'
    >>> between(3, 3)
    '3'
    """
    ends = [(show or count)(end) for end in (low, high)]
    return " to ".join(dict.fromkeys(ends))


def pvalue(value: float) -> str:
    """Return a p-value to two significant digits."""
    return f"{float(value):.2g}" if math.isfinite(value) else "–"


def percent(value: float) -> str:
    """Return a fraction in [0, 1] as a percentage."""
    if not math.isfinite(value):
        return "–"
    scaled = 100 * float(value)
    return f"{scaled:.0f} %" if scaled >= 1 or scaled == 0 else f"{scaled:.2g} %"


def duration(seconds: float) -> str:
    """Return seconds as ``42 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    seconds = float(seconds)
    if not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(number_of: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: ``1 study``, ``3 studies``.

    Parameters
    ----------
    number_of
        The count.
    one, many
        Singular and plural; by default the plural ends in s.

    Examples
    --------
    >>> plural(1, "study", "studies"), plural(1200, "cell")
    ('1 study', '1,200 cells')
    """
    return f"{count(number_of)} {one if number_of == 1 else many or one + 's'}"


def listing(items: Sequence[Any]) -> str:
    """Return ``a, b and c``."""
    words = [str(item) for item in items]
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def cell(value: Any) -> str:
    """Return a table cell's text."""
    if value is None or value is False or value is True:
        return {None: "", False: "no", True: "yes"}[value]
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return count(int(value)).replace("-", "−")
    if isinstance(value, float | np.floating):
        return number(float(value))
    return str(value)
