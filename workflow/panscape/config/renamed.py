"""Keys of earlier versions: taken for what replaced them, with a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from panscape.config.schema import Schema, children
from panscape.errors import Problem
from panscape.log import logger


def renamed(value: dict[str, Any], whole: Schema, problems: list[Problem]) -> dict[str, Any]:
    """Return what the user wrote with old keys replaced by the new ones.

    The ``x-renamed`` of a mapping in the schema names the new key of each old one: ``key`` in the same
    mapping, ``section.key`` elsewhere, null where there is none. ``{to: key, minus: 1}`` also changes a
    number, or each number of a list. A study's own settings (``x-overrides``) follow their section. Where a
    key kept its name and changed its meaning, ``x-changed`` says how to whoever writes it.

    Parameters
    ----------
    value
        Plain dict; it is not changed.
    whole
        The schema.
    problems
        Gets a problem where both the old and the new key are given.
    """
    result = _copy(value)
    for part, schema, where in _parts(result, whole, whole, ""):
        for old, spec in schema.get("x-renamed", {}).items():
            if old in part:
                _replace(result, part, f"{where}{old}", old, spec, problems)
        for key, entry in schema.get("properties", {}).items():
            if key in part and "x-changed" in entry:
                logger.warning("%s%s: %s", where, key, entry["x-changed"])
    return result


def table(whole: Schema) -> list[tuple[str, str]]:
    """Return (old key, new key or "") of all renamed keys, for the documentation."""
    rows: list[tuple[str, str]] = []

    def visit(schema: Mapping[str, Any], where: str) -> None:
        for old, spec in schema.get("x-renamed", {}).items():
            name, minus = _target(spec)
            new = name if name is None or "." in name else f"{where}{name}"
            change = f" ({minus} less)" if minus else ""
            rows.append((f"{where}{old}", f"{new}{change}" if new else ""))
        for key, part in schema.get("properties", {}).items():
            visit(part, f"{where}{key}.")
        if "items" in schema and isinstance(schema["items"], Mapping):
            visit(schema["items"], f"{where.removesuffix('.')}[].")

    visit(whole, "")
    return rows


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def _parts(value: Any, schema: Schema, whole: Schema, where: str) -> Iterator[tuple[dict, Schema, str]]:
    """Yield (mapping, its schema, its place with a dot) of all mappings in what the user wrote."""
    if isinstance(value, dict):
        if schema.get("x-overrides") in whole["properties"]:
            schema = whole["properties"][schema["x-overrides"]]
        yield value, schema, where
        inner = children(schema)
        for key, part in list(value.items()):
            if below := inner.get(key, inner.get("*")):
                yield from _parts(part, below, whole, f"{where}{key}.")
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for at, part in enumerate(value):
            yield from _parts(part, schema["items"], whole, f"{where.removesuffix('.')}[{at}].")


def _target(spec: Any) -> tuple[str | None, int]:
    return (spec["to"], spec.get("minus", 0)) if isinstance(spec, Mapping) else (spec, 0)


def _replace(
    result: dict[str, Any], part: dict[str, Any], where: str, old: str, spec: Any, problems: list[Problem]
) -> None:
    """Move the value of an old key of a mapping to its new place."""
    given = part.pop(old)
    target, minus = _target(spec)
    if target is None:
        logger.warning("%s is no longer used and is ignored: remove it", where)
        return
    section, _, name = target.rpartition(".")
    place = result.setdefault(section, {}) if section else part
    if section and place is None:
        place = result[section] = {}
    shown = target if section else f"{where.removesuffix(old)}{name}"
    if isinstance(place, dict) and name in place:
        problems.append(Problem(where, f"its new name, {shown}, is given too", "keep that one"))
    elif isinstance(place, dict):
        logger.warning("%s is now %s: write it there, the old name will go", where, shown)
        place[name] = _less(given, minus)


def _less(given: Any, minus: int) -> Any:
    """Return a number, or each number of a list, less `minus`; the schema refuses anything else."""
    if isinstance(given, list):
        return [_less(one, minus) for one in given]
    return given - minus if minus and isinstance(given, int) and not isinstance(given, bool) else given
