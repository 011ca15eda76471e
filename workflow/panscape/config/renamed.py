"""Support for keys of the previous version, which are replaced with a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from panscape.config.schema import Schema, children
from panscape.errors import Problem


def renamed(
    value: Mapping[str, Any], whole: Schema, problems: list[Problem]
) -> tuple[dict[str, Any], list[str]]:
    """Replace old keys by new ones.

    In the schema, the ``x-renamed`` of a mapping names the new key of each old one: ``key`` in the same
    mapping, ``section.key`` elsewhere, null if it was removed. ``{to: key, minus: 1}`` also decreases a
    number, or each number of a list; ``{to: key, values: [...], instead: value}`` moves these values only
    and leaves `value` in the key of the old name. Settings of a single study (``x-overrides``) follow their
    section. Keys that kept their name but changed their meaning have a description of the change in
    ``x-changed``.

    Parameters
    ----------
    value
        The configuration as written by the user; not modified.
    whole
        The schema.
    problems
        List to which a problem is appended if both the old and the new key are given, or if the settings of a
        study contain a key that moved to another section.

    Returns
    -------
    The configuration with new keys only, and a warning for each old or changed key.
    """
    result, warnings = _copy(value), []
    for part, schema, where in _mappings(result, whole, whole, ""):
        changed = {key: entry["x-changed"] for key, entry in _properties(schema) if "x-changed" in entry}
        warnings += [f"{where}{key}: {text}" for key, text in changed.items() if key in part]
        for old, spec in schema.get("x-renamed", {}).items():
            if old in part and _moves(spec, part[old]):
                apart = "x-overrides" in schema
                warnings += _replace(result, part, f"{where}{old}", old, spec, problems, apart=apart)
    return result, warnings


def table(whole: Schema) -> list[tuple[str, str]]:
    """Return (old key, new key or "") of all renamed keys, for the documentation."""
    return [
        (f"{where}{old}", _new_name(spec, where))
        for schema, where in _schemas(whole, "")
        for old, spec in schema.get("x-renamed", {}).items()
    ]


def changed(whole: Schema) -> list[tuple[str, str]]:
    """Return (key, change of meaning) of all keys that kept their name, for the documentation."""
    return [
        (f"{where}{key}", entry["x-changed"])
        for schema, where in _schemas(whole, "")
        for key, entry in _properties(schema)
        if "x-changed" in entry and "x-overrides" not in schema
    ]


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    yield from schema.get("properties", {}).items()


def _schemas(schema: Schema, where: str) -> Iterator[tuple[Schema, str]]:
    """Yield (schema of a mapping, its key path with a final dot) of a schema and all nested ones."""
    yield schema, where
    for key, part in children(schema).items():
        inner = f"{where.removesuffix('.')}[]" if key == "[]" else f"{where}{part.get('x-name', key)}"
        yield from _schemas(part, f"{inner}.")


def _new_name(spec: Any, where: str) -> str:
    name, minus = _target(spec)
    if name is None:
        return ""
    values = spec.get("values", ()) if isinstance(spec, Mapping) else ()
    extra = f" ({minus} less)" if minus else f" ({', '.join(values)})" if values else ""
    return (name if "." in name else f"{where}{name}") + extra


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def _mappings(value: Any, schema: Schema, whole: Schema, where: str) -> Iterator[tuple[dict, Schema, str]]:
    """Yield (mapping, its schema, its key path with a final dot) of all mappings in a configuration."""
    if isinstance(value, dict):
        if schema.get("x-overrides") in whole["properties"]:
            schema = {**schema, **whole["properties"][schema["x-overrides"]]}
        yield value, schema, where
        inner = children(schema)
        for key, part in list(value.items()):
            if below := inner.get(key, inner.get("*")):
                yield from _mappings(part, below, whole, f"{where}{key}.")
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for at, part in enumerate(value):
            yield from _mappings(part, schema["items"], whole, f"{where.removesuffix('.')}[{at}].")


def _moves(spec: Any, value: Any) -> bool:
    """Return whether an old key with this value is replaced."""
    values = spec.get("values") if isinstance(spec, Mapping) else None
    return values is None or (isinstance(value, str) and value in values)


def _target(spec: Any) -> tuple[str | None, int]:
    return (spec["to"], spec.get("minus", 0)) if isinstance(spec, Mapping) else (spec, 0)


def _replace(
    result: dict[str, Any],
    part: dict[str, Any],
    where: str,
    old: str,
    spec: Any,
    problems: list[Problem],
    *,
    apart: bool,
) -> list[str]:
    """Move the value of an old key to its new key and return the warning.

    Parameters
    ----------
    result, part
        The configuration, and the mapping in it with the old key; both are modified.
    where, old
        Path of the old key, and its name.
    spec
        Value of the key in ``x-renamed``.
    problems
        List to which a problem is appended if the new key is given too.
    apart
        Whether `part` overrides a section for one study, from which keys cannot move to another section.
    """
    given = part.pop(old)
    target, minus = _target(spec)
    if target is None:
        return [f"{where} is no longer used and is ignored: remove it"]
    section, _, name = target.rpartition(".")
    if section and apart:
        problems.append(Problem(where, f"is now {target}", "write it there, for all studies"))
        return []
    place = result.setdefault(section, {}) if section else part
    if section and place is None:  # a section whose keys are all commented out
        place = result[section] = {}
    shown = target if section else f"{where.removesuffix(old)}{name}"
    if isinstance(place, dict) and name in place:
        problems.append(Problem(where, f"its new name, {shown}, is given too", "keep that one"))
    elif isinstance(place, dict):
        place[name] = _less(given, minus)
        if isinstance(spec, Mapping) and "instead" in spec:
            part[old] = spec["instead"]
            where = f"{where}: {given}"
        return [f"{where} is now {shown}: write that, the old name will be rejected in the next version"]
    return []


def _less(given: Any, minus: int) -> Any:
    """Return a number, or each number of a list, minus `minus`; other values are left to validation."""
    if isinstance(given, list):
        return [_less(one, minus) for one in given]
    return given - minus if minus and isinstance(given, int) and not isinstance(given, bool) else given
