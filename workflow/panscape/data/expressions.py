"""Regular expressions of users, with a limit on the time that matching may take.

Python's engine backtracks: ``(a+)+$`` takes 2^n steps on a name of n letters. A signal ends it, which works
in the main thread only; elsewhere there is no limit.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from panscape.data.limits import limits
from panscape.errors import fail

LONGEST = 1000  # characters
_AT_ONCE = 100_000  # names per limit of time, so that it does not depend on their number


class _TooLong(Exception):
    pass


def fault(expression: str) -> str:
    """Return why a text is not a usable regular expression; empty if it is one.

    Examples
    --------
    >>> fault("^MT-"), fault("(")
    ('', 'missing ), unterminated subpattern at position 0')
    """
    if len(expression) > LONGEST:
        return f"{len(expression):,} characters, more than {LONGEST:,}"
    try:
        re.compile(expression)
    except (re.error, OverflowError) as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    return ""


def compiled(expression: str, where: str, example: str) -> re.Pattern[str]:
    """Return a compiled expression.

    Parameters
    ----------
    expression
        Regular expression.
    where
        Configuration key for error messages.
    example
        What to write, for the message.

    Raises
    ------
    UserError
        If it is none, or too long.
    """
    if why := fault(expression):
        short = expression if len(expression) <= 60 else f"{expression[:57]}..."
        raise fail(where, f"{short!r} is not a regular expression ({why})", example)
    return re.compile(expression)


def found_in(names: Sequence[str], pattern: re.Pattern[str], where: str) -> np.ndarray:
    """Return which names contain a match.

    Returns
    -------
    bool (len(names),).

    Raises
    ------
    UserError
        If matching takes longer than ``limits.pattern_seconds`` per 100,000 names.

    Examples
    --------
    >>> found_in(["MT-CO1", "SOX2"], re.compile("^MT-"), "mito_pattern").tolist()
    [True, False]
    """
    found = np.zeros(len(names), dtype=bool)
    for start in range(0, len(names), _AT_ONCE):
        with _in_time(pattern, where):
            for at, name in enumerate(names[start : start + _AT_ONCE], start):
                found[at] = pattern.search(name) is not None
    return found


def without(names: Sequence[str], pattern: re.Pattern[str], where: str) -> list[str]:
    """Return the names without the parts that match.

    Raises
    ------
    UserError
        As :func:`found_in`.

    Examples
    --------
    >>> without(["ACGT-1", "TTTT-1"], re.compile("-1$"), "strip")
    ['ACGT', 'TTTT']
    """
    results: list[str] = []
    for start in range(0, len(names), _AT_ONCE):
        with _in_time(pattern, where):
            results += [pattern.sub("", name) for name in names[start : start + _AT_ONCE]]
    return results


@contextlib.contextmanager
def _in_time(pattern: re.Pattern[str], where: str) -> Iterator[None]:
    """End the block after the limit of processor time; the engine looks for signals while it matches."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number, frame):
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, end)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, limits().pattern_seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _TooLong as error:
        raise fail(
            where,
            f"{pattern.pattern!r} takes more than {limits().pattern_seconds:g} s to match",
            "write it without repeats inside repeats, such as (a+)+, or raise limits.pattern_seconds",
        ) from error
    finally:
        signal.signal(signal.SIGVTALRM, before)
