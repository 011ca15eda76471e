"""Checks of the labels of the cells that UniCoord will be trained on, before the first job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.config import studies
from panscape.config.scenarios import asked_classes, classes, unknown_classes
from panscape.errors import Problem, UserError

if TYPE_CHECKING:
    from panscape.config.look import Seen


def wanted_columns(config: Mapping[str, Any]) -> set[str]:
    """Return the annotations that labels and scenarios of the section ``unicoord`` name."""
    from panscape.unicoord.settings import USUAL

    settings = config["unicoord"]
    named = {label["name"] for label in settings["labels"]} or set(USUAL)
    return named.union(*(scenario["from"] or {} for scenario in settings["scenarios"]))


def trained_cells(config: Mapping[str, Any], seen: Sequence[Seen]) -> pd.DataFrame | None:
    """Return the labels of all cells to be trained on, and their `study`.

    Parameters
    ----------
    config
        The complete configuration.
    seen
        The studies whose files exist.

    Returns
    -------
    DataFrame; None if some of the cells or labels are not known before the run.
    """
    settings, names = config["unicoord"], studies.used_by(config, "unicoord")
    parts = [study for study in seen if study.name in names and study.genes is not None]
    made = settings["tables"] or {"features", "usage"} & set(settings["label_transfer"])
    if not names or len(parts) < len(names) or made:
        return None
    return pd.concat([study.labels.assign(study=study.name) for study in parts], ignore_index=True)


def label_problems(config: Mapping[str, Any], obs: pd.DataFrame) -> Iterator[Problem]:
    """Yield labels, scenarios and tests that the cells to be trained on make impossible.

    Quality control, which removes cells later, cannot make any of them possible.

    Parameters
    ----------
    config
        The complete configuration.
    obs
        From :func:`trained_cells`.
    """
    from panscape.unicoord.configured import configured_labels

    settings = config["unicoord"]
    asked = {name for _, name, _ in asked_classes(config)} & set(obs)
    unknown = [*unknown_classes(config, {name: classes(obs[name]) for name in asked})]
    yield from unknown
    try:
        labels, hierarchy = configured_labels(settings, obs)
    except UserError as error:
        # by default all studies take part, also of collections without annotations that never need it
        yield from error.problems if config["report"]["unicoord"] else ()
        return
    there = [label for label in labels if label.name in obs]
    faults = [*_of_labels(obs, there, hierarchy)]
    yield from faults
    yield from _integrated(settings, obs, {label.name for label in labels})
    bad = {problem.where for problem in (*faults, *unknown)}
    if not bad:
        yield from _of_scenarios(settings, obs)
        yield from _of_tests(settings, obs, there)


def unlabelled(config: Mapping[str, Any], obs: pd.DataFrame) -> Iterator[str]:
    """Yield warnings of studies to be trained on without a value of a discrete label; `obs` as above."""
    for label in config["unicoord"]["labels"]:
        name = label["name"]
        if name not in obs or label["kind"] != "discrete":
            continue
        filled = obs[name].notna().groupby(obs["study"], sort=False, observed=True).any()
        empty = filled.index[~filled]
        if len(empty):
            yield (
                f"unicoord.labels: {name} has no value in {', '.join(empty)}, whose cells count as "
                "unlabelled; to annotate new studies, list them in unicoord.apply.studies, so that nothing "
                "of them is trained on"
            )


def _of_labels(obs: pd.DataFrame, labels: Sequence[Any], hierarchy: Sequence[Any]) -> Iterator[Problem]:
    from panscape.unicoord.label_checks import check_nested
    from panscape.unicoord.label_checks import label_problems as of_column

    faulty = set()
    for label in labels:
        for problem in of_column(obs, label):
            faulty.add(label.name)
            yield problem
    for item in hierarchy:
        if {item.child, item.parent} <= set(obs) - faulty:
            try:
                check_nested(obs, item)
            except UserError as error:
                yield from error.problems


def _integrated(settings: Mapping[str, Any], obs: pd.DataFrame, labels: set[str]) -> Iterator[Problem]:
    """Yield the problem of a default label that is not learned, since all cells are of one class."""
    name = settings["integrate"]
    if settings["labels"] or name in (None, "auto") or name in labels:
        return
    there = sorted(classes(obs[name])) if name in obs else []
    what = f"all cells are {there[0]!r}" if there else "no study maps it"
    yield Problem(
        "unicoord.integrate",
        f"{name!r} is no label, since {what}",
        f"write {', '.join(sorted(labels)) or 'a label'}, auto or null",
    )


def _of_scenarios(settings: Mapping[str, Any], obs: pd.DataFrame) -> Iterator[Problem]:
    from panscape.unicoord.configured import matching

    for scenario in settings["scenarios"]:
        chosen = {name: value for name, value in (scenario["from"] or {}).items() if name in obs}
        try:
            matching(obs, chosen, scenario["name"])
        except UserError as error:
            yield from error.problems


def _of_tests(settings: Mapping[str, Any], obs: pd.DataFrame, labels: Sequence[Any]) -> Iterator[Problem]:
    from panscape.unicoord.label_checks import check_gap
    from panscape.unicoord.labels import numbers

    for test in settings["restore"]:
        for label in labels:
            if label.name == test["label"]:
                values = numbers(obs[label.name], label.order, tuple(map(float, np.arange(len(label.order)))))
                try:
                    check_gap(values, label.name, *test["leave"])
                except UserError as error:
                    yield from error.problems
