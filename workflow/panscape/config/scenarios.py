"""Checks of the values and classes that scenarios set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.labels import class_name
from panscape.errors import Problem, UserError, nearest

_SHOWN = 6  # classes in a message


def asked_classes(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (key path, label, class) of every class that a scenario names."""
    settings = config["unicoord"]
    discrete = {label["name"] for label in settings["labels"] if label["kind"] == "discrete"}
    named_classes = []
    for at, scenario in enumerate(settings["scenarios"]):
        where = f"unicoord.scenarios[{at}]"
        for label, value in scenario["set"].items():
            named = value.get("between", [])[:2] if isinstance(value, Mapping) else [value]
            named_classes += [(f"{where}.set.{label}", label, class_name(name)) for name in named]
        for label, value in (scenario["from"] or {}).items():
            named = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
            named_classes += [(f"{where}.from.{label}", label, class_name(name)) for name in named]
    return [item for item in named_classes if item[1] in discrete]


def odd_values(settings: Mapping[str, Any], labels: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield values in scenarios that a label of their kind cannot have, e.g. a shift of a class.

    Parameters
    ----------
    settings
        The section ``unicoord``.
    labels
        Its labels by name.
    """
    for at, scenario in enumerate(settings["scenarios"]):
        for name, value in scenario["set"].items():
            if name not in labels:
                continue
            from panscape.unicoord.labels import LabelInfo, Layout
            from panscape.unicoord.reconfigure import reconfigured_code

            kind, order = labels[name]["kind"], tuple(map(class_name, labels[name]["order"]))
            inner = next(iter(value.values()), None) if isinstance(value, Mapping) else value
            named = inner[:2] if isinstance(inner, list) else [inner]  # whether they exist is told later
            any_class = tuple({class_name(item): None for item in named})
            label = LabelInfo(
                name, kind, any_class if kind == "discrete" else order, tuple(map(float, range(len(order)))),
                low=-inf, high=inf,
            )  # fmt: skip
            try:
                reconfigured_code(Layout((label,)), np.zeros((1, label.width)), {name: value})
            except UserError as error:
                for problem in error.problems:
                    yield Problem(f"unicoord.scenarios[{at}].set.{name}", problem.what, problem.fix)


def classes(column: pd.Series) -> frozenset[str]:
    """Return the classes of a label's column."""
    return frozenset(class_name(value) for value in column.dropna().unique())


def unknown_classes(config: Mapping[str, Any], known: Mapping[str, frozenset[str]]) -> Iterator[Problem]:
    """Yield classes in scenarios that no cell has.

    Parameters
    ----------
    config
        The complete configuration.
    known
        Classes of all cells by label, for labels whose classes are known before the first job.
    """
    for where, label, name in asked_classes(config):
        if label not in known or name in known[label]:
            continue
        guess, there = nearest(name, known[label]), sorted(known[label])
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        advice = f"did you mean {guess!r}?" if guess else f"there are {', '.join(there[:_SHOWN])}{more}"
        yield Problem(where, f"no cell is {name!r}", advice)
