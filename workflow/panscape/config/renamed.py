"""Keys of earlier versions: taken for what replaced them, with a warning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panscape.config.schema import Schema
from panscape.errors import Problem
from panscape.log import logger


def renamed(value: dict[str, Any], whole: Schema, problems: list[Problem]) -> dict[str, Any]:
    """Return what the user wrote with the old keys of sections replaced by the new ones.

    A section's ``x-renamed`` maps an old key to its new ``section.key``, or to null where there is none.

    Parameters
    ----------
    value
        Plain dict; it is not changed.
    whole
        The schema.
    problems
        Gets a problem where both the old and the new key are given.
    """
    result = {key: dict(part) if isinstance(part, Mapping) else part for key, part in value.items()}
    for section, part in whole["properties"].items():
        old = part.get("x-renamed", {})
        for key in [key for key in old if isinstance(result.get(section), dict) and key in result[section]]:
            given = result[section].pop(key)
            where = f"{section}.{key}"
            if old[key] is None:
                logger.warning("%s is no longer used and is ignored: remove it", where)
                continue
            target, name = old[key].split(".")
            place = result.get(target)
            if place is None:
                place = result[target] = {}
            if isinstance(place, dict) and name in place:
                problems.append(Problem(where, f"its new name, {old[key]}, is given too", "keep that one"))
            elif isinstance(place, dict):
                logger.warning("%s is now %s: write it there, the old name will go", where, old[key])
                place[name] = given
    return result
