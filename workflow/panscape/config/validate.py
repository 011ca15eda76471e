"""Validation by the schema, with readable messages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from panscape.config.formats import FORMATS, format_advice
from panscape.config.schema import Schema, accepts, walk
from panscape.errors import Problem, masked, nearest

KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a mapping (key: value)",
    "string": "text",
}
LARGEST = 1e15  # exact as a float, and finite when multiplied by numbers of cells and genes
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z")

Fault = tuple[tuple, Problem]  # path (keys and indices) and problem


def schema_problems(value: Any, part: Schema) -> list[Fault]:
    """Return every violation of the schema, in the order of the keys."""
    faults: list[Fault] = []
    value = _json(value, (), faults)
    known = {steps for steps, _ in faults}
    validator = Draft202012Validator(part, format_checker=FORMATS)
    for error in sorted(validator.iter_errors(value), key=lambda error: _order(error.absolute_path)):
        steps = tuple(error.absolute_path)
        if steps not in known or error.instance is not None:
            faults += [(steps, problem) for problem in _problems(error, part)]
    return list(dict.fromkeys(faults))


def _order(steps: Any) -> list[tuple[bool, Any]]:
    """Return a sort key for paths, so that item 10 comes after item 2."""
    return [(isinstance(step, str), step) for step in steps]


def key_path(steps: Iterable[str | int]) -> str:
    """Return a path of keys and indices as text.

    Examples
    --------
    >>> key_path(["studies", 1, "obs"])
    'studies[1].obs'
    """
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{_name(step)}" if text else _name(step)
    return text


def _name(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else shorten(repr(key))


def show(value: Any, limit: int = 60) -> str:
    """Return a value for messages: on one line, shortened, and with its type."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (true/false)"
    if not value and isinstance(value, dict | list):
        return "an empty mapping" if isinstance(value, dict) else "an empty list"
    if isinstance(value, dict):
        return f"a mapping with the keys {shorten(', '.join(map(str, value)), limit)}"
    if isinstance(value, list):
        return f"a list of {len(value)}: {shorten(repr(value), limit)}"
    return shorten(repr(value), limit) + (" (text)" if isinstance(value, str) else "")


def shorten(text: str, limit: int = 60) -> str:
    """Return a text shortened to at most `limit` characters."""
    text = masked(text)  # before it is cut: a part of a secret would not be known as one
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _json(value: Any, steps: tuple, faults: list[Fault]) -> Any:
    """Return a copy without YAML values that a configuration cannot have.

    These are keys that are not text (dropped), dates, nan, infinity and numbers beyond :data:`LARGEST`, whose
    products with sizes of data need not be finite (replaced by null); `faults` gets a problem for each.
    """
    where = key_path(steps) or "configuration"
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                advice = "write it in quotes (YAML parses 1, yes, no, on, off, null and dates as other types)"
                faults.append((steps, Problem(where, f"the key {shorten(repr(key))} is not text", advice)))
        return {key: _json(value[key], (*steps, key), faults) for key in value if isinstance(key, str)}
    if isinstance(value, list):
        return [_json(inner, (*steps, at), faults) for at, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        faults.append((steps, Problem(where, f"found {value}", "write a finite number")))
        return None
    if isinstance(value, int | float) and abs(value) > LARGEST:
        advice = f"write a number between {-LARGEST:g} and {LARGEST:g}"
        found = f"{value:g}" if abs(value) < 1e300 else "a number beyond 1e+300"
        faults.append((steps, Problem(where, f"found {found}", advice)))
        return None
    if value is not None and not isinstance(value, str | bool | int | float):
        what = f"found {shorten(str(value))}, which YAML parses as a {type(value).__name__}"
        faults.append((steps, Problem(where, what, "write it in quotes if it is meant as text")))
        return None
    return value


def _problems(error: ValidationError, root: Schema) -> Iterator[Problem]:
    """Yield the problems of one violation; of alternatives, those of the closest one."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _problems(max(error.context, key=relevance), root)
        return
    where = key_path(error.absolute_path) or "configuration"
    # any of these is unset in an error that no validator raised, which does not occur here
    part, value, rule = (
        cast("dict[str, Any]", error.schema),
        cast("Any", error.instance),
        str(error.validator),
    )
    if rule == "additionalProperties":
        for key in value:
            if key not in part.get("properties", {}):
                yield _unknown(tuple(error.absolute_path), key, part, root)
    elif rule == "required":
        for key in part["required"]:
            if key not in value:
                entry = part.get("properties", {}).get(key, {})
                place = key_path((*error.absolute_path, key))
                yield Problem(place, "is missing", f"write {entry.get('x-form') or _wanted(entry)}")
    elif error.absolute_path and "propertyNames" in error.schema_path:
        advice = f"write {part.get('x-form', 'another name')}"
        yield Problem(where, f"the name {shorten(repr(value))} is not valid", advice)
    else:
        yield Problem(where, _violation(rule, value), _advice(rule, value, part))


def _unknown(steps: tuple, key: str, part: Schema, root: Schema) -> Problem:
    known = list(part.get("properties", {}))
    place = key_path((*steps, key))
    guess = nearest(key, known)
    if guess:
        return Problem(place, "unknown key", f"did you mean {guess!r}?")
    elsewhere = [path for path, _ in walk(root) if path.split(".")[-1] == key]
    if elsewhere:
        return Problem(place, "unknown key here", f"it belongs to {' or '.join(elsewhere[:3])}")
    return Problem(place, "unknown key", f"remove it; known here: {shorten(', '.join(known), 400)}")


def _violation(rule: str, value: Any) -> str:
    if rule == "minItems" and not value:
        return "the list is empty"
    if rule == "uniqueItems":
        twice = [item for at, item in enumerate(value) if item in value[:at]]
        return f"{show(twice[0]) if twice else 'an item'} occurs more than once"
    return f"found {show(value)}"


def _advice(rule: str, value: Any, part: Schema) -> str:
    """Return the advice for a violation."""
    if rule == "type":
        return f"write {part.get('x-form') or _wanted(part)}{_yaml_trap(value, part)}"
    if rule == "enum":
        words = [word for word in part["enum"] if isinstance(word, str)]
        guess = nearest(value, words) if isinstance(value, str) else None
        return (f"did you mean {guess!r}? " if guess else "") + f"write {_wanted(part)}"
    if rule == "format":
        return format_advice(value, part["format"])
    return f"write {part.get('x-form') or _wanted(part)}"


def _wanted(part: Schema) -> str:
    """Describe the values that a schema allows."""
    if "enum" in part:
        return f"one of {', '.join('null' if word is None else str(word) for word in part['enum'])}"
    kinds = part.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(KINDS[kind] for kind in kinds) or "another value"
    limits = [
        f"{words} {part[rule]}"
        for rule, words in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
            ("multipleOf", "a multiple of"),
        )
        if rule in part
    ]
    if accepts(part, "array"):
        text += _list_limits(part)
    if part.get("minLength"):
        limits.append("not empty")
    return f"{text}, {' and '.join(limits)}" if limits else text


def _list_limits(part: Schema) -> str:
    low, high = part.get("minItems", 0), part.get("maxItems")
    if low == high:
        text = f" of {low}"
    else:
        text = (f" of at least {low}" if low else "") + (f" of at most {high}" if high is not None else "")
    return text + (", each once" if part.get("uniqueItems") else "")


def _yaml_trap(value: Any, part: Schema) -> str:
    """Return an explanation if YAML parses a value differently from the probable intention."""
    if isinstance(value, str) and accepts(part, "boolean"):
        return " without quotes"
    numeric = accepts(part, "number") or accepts(part, "integer")
    if numeric and isinstance(value, str) and NUMBER.match(value):
        return f" without quotes, such as {float(value)!r} (YAML parses 1e-3 as text, 1.0e-3 as a number)"
    if isinstance(value, bool | int | float) and accepts(part, "string"):
        return f": put it in quotes if {str(value)!r} is meant as text"
    if not isinstance(value, list) and accepts(part, "array"):
        return ", such as [1, 2]" if isinstance(value, int | float) else ", each item on a line with '- '"
    return ""
