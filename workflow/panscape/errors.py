"""Errors that are written for the person who edits the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that a user has to mend.

    Parameters
    ----------
    where
        The configuration key or the file (and column) at fault, e.g. ``studies[2].obs.age``.
    what
        What is wrong and what was found there.
    fix
        What to write or do instead.
    few
        Too few cells or genes are there to go on, for which quality control may be the reason.
    """

    where: str
    what: str
    fix: str = ""
    few: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" -> {self.fix}" if self.fix else "")


class UserError(ValueError):
    """All the problems of one step, told at once.

    Parameters
    ----------
    problems
        At least one problem.
    """

    def __init__(self, problems: Problem | Iterable[Problem]):
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        count = len(self.problems)
        head = "1 problem:" if count == 1 else f"{count} problems:"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))


def fail(where: str, what: str, fix: str = "", *, few: bool = False) -> UserError:
    """Return a one-problem error, to be raised by the caller."""
    return UserError(Problem(where, what, fix, few))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a mistyped one most likely means."""
    by_lower = {name.lower().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1, cutoff=0.7)
    return by_lower[close[0]] if close else None
