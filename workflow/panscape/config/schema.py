"""The configuration schema, composed of one YAML file for the collection and one per stage."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"

Schema = dict[str, Any]


@cache
def schema() -> Schema:
    """Return the complete, cached schema of a collection; callers must not modify it."""
    return compose(_read("config.schema.yaml"))


def compose(root: Schema) -> Schema:
    """Resolve ``$ref`` to other files, then derive the keys that override a section for one study.

    A key with ``x-overrides: SECTION`` gets the keys of the section that have ``x-per-study: true``, without
    defaults, so that only values that are set override those of the section.
    """
    whole = _resolve(root)
    for part in _parts(whole):
        if "x-overrides" in part:
            keys = whole["properties"][part["x-overrides"]]["properties"]
            overridable = {name: _optional(entry) for name, entry in keys.items() if entry.get("x-per-study")}
            part |= {"additionalProperties": False, "properties": overridable}
    return whole


# the parser of libyaml, where PyYAML was built with it, takes a twentieth of the time
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read(name: str) -> Schema:
    with open(SCHEMAS / name, encoding="utf-8") as handle:
        return yaml.load(handle, Loader=_LOADER)


def _resolve(part: Any) -> Any:
    """Return a deep copy with every ``$ref`` to a file replaced by the file's content."""
    if isinstance(part, dict):
        if "$ref" in part:
            return _resolve(_read(part["$ref"]))
        return {key: _resolve(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_resolve(value) for value in part]
    return part


def _optional(entry: Schema) -> Schema:
    entry = copy.deepcopy(entry)
    entry.pop("x-presets", None)
    entry.pop("default", None)
    return {**entry, "x-optional": True}


def _parts(part: Schema) -> Iterator[Schema]:
    """Yield a schema and all schemas inside it."""
    yield part
    for entry in children(part).values():
        yield from _parts(entry)


def children(part: Schema) -> dict[str, Schema]:
    """Return the schemas directly inside: properties by name, ``*`` for any other name, ``[]`` for items."""
    inside = dict(part.get("properties", {}))
    if isinstance(part.get("additionalProperties"), dict):
        inside["*"] = part["additionalProperties"]
    if isinstance(part.get("items"), dict):
        inside["[]"] = part["items"]
    return inside


def walk(part: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield (key path, schema) of every key, in the order of the schema.

    Paths look like ``studies[].obs.age.unit``.

    Examples
    --------
    >>> [path for path, _ in walk(schema()) if path.startswith("preprocess.max_")]
    ['preprocess.max_mito', 'preprocess.max_ribo']
    """
    for name, entry in children(part).items():
        if name == "[]":
            yield from walk(entry, f"{path}[]")
            continue
        where = f"{path}.{entry.get('x-name', name)}" if path else name
        yield where, entry
        yield from walk(entry, where)


def accepts(part: Schema, kind: str) -> bool:
    """Return whether a schema allows values of a JSON type."""
    kinds = part.get("type", kind)
    return kind in ([kinds] if isinstance(kinds, str) else kinds)
