"""Presets and defaults: user values take precedence over presets, presets over defaults."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from typing import Any

from panscape.config.schema import Schema, accepts
from panscape.errors import Problem

VARIABLE = re.compile(r"\$\{(\w+)\}")


def plain(value: Any) -> Any:
    """Return a copy made of dict, list and scalars only."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def normalise(value: Any, part: Schema) -> Any:
    """Expand short forms.

    Sections whose keys are all commented out are null in YAML and become empty. With ``x-short: KEY`` in the
    schema, a plain string stands for ``{KEY: string}``. With ``x-keys: text``, keys that YAML parses as
    numbers are converted to text. With ``x-missing: true``, the value ``missing`` and nan become null.
    """
    if accepts(part, "object") and "type" in part and not isinstance(value, dict):
        if value is None and not accepts(part, "null"):
            return {}
        if isinstance(value, str) and "x-short" in part:
            return {part["x-short"]: value}
        return value
    if isinstance(value, dict):
        keys, other = part.get("properties", {}), part.get("additionalProperties")
        other = other if isinstance(other, dict) else {}
        if part.get("x-keys") == "text":
            value = {str(key) if type(key) in (int, float) else key: inner for key, inner in value.items()}
        if part.get("x-missing"):
            value = {
                key: None if inner == "missing" or inner != inner else inner for key, inner in value.items()
            }
        return {key: normalise(inner, keys.get(key, other)) for key, inner in value.items()}
    if isinstance(value, list) and isinstance(part.get("items"), dict):
        return [normalise(inner, part["items"]) for inner in value]
    return value


def fill(value: Any, part: Schema, preset: str) -> Any:
    """Return a valid value with presets and defaults filled in, also inside mappings and list items.

    Parameters
    ----------
    value
        Part of a configuration; not modified.
    part
        Its schema.
    preset
        Name of the preset.
    """
    if isinstance(value, dict):
        keys, other = part.get("properties", {}), part.get("additionalProperties")
        filled = {}
        for key, entry in keys.items():
            if key in value:
                filled[key] = fill(value[key], entry, preset)
            elif preset in entry.get("x-presets", {}):
                filled[key] = fill(copy.deepcopy(entry["x-presets"][preset]), entry, preset)
            elif "default" in entry:
                filled[key] = fill(copy.deepcopy(entry["default"]), entry, preset)
            elif "properties" in entry and not entry.get("x-optional"):
                filled[key] = fill({}, entry, preset)
        other = other if isinstance(other, dict) else {}
        filled |= {key: fill(inner, other, preset) for key, inner in value.items() if key not in keys}
        return filled
    if isinstance(value, list):
        return [fill(inner, part.get("items", {}), preset) for inner in value]
    if isinstance(value, float) and value.is_integer() and not accepts(part, "number"):
        return int(value)
    return value


def expand(value: Any, part: Schema, where: str, problems: list[Problem]) -> Any:
    """Return a filled value with environment variables and ``~`` in its paths replaced.

    Parameters
    ----------
    value, part
        Part of a configuration and its schema.
    where
        Key path for error messages.
    problems
        A problem is appended for each variable that is not set.
    """
    if isinstance(value, dict):
        keys, other = part.get("properties", {}), part.get("additionalProperties")
        other = other if isinstance(other, dict) else {}
        return {
            key: expand(inner, keys.get(key, other), f"{where}.{key}" if where else key, problems)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        items = part.get("items", {})
        return [expand(inner, items, f"{where}[{at}]", problems) for at, inner in enumerate(value)]
    if isinstance(value, str) and part.get("format") in ("path", "folder"):
        unset = [name for name in VARIABLE.findall(value) if name not in os.environ]
        problems += [
            Problem(
                where, f"the environment variable {name} in {value!r} is not set", f"export {name}=FOLDER"
            )
            for name in unset
        ]
        return os.path.expanduser(VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), value))
    return value
