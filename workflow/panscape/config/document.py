"""Documentation of the configuration, generated from its schema."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from panscape.config import renamed
from panscape.config.schema import Schema, children, schema, walk

INTRODUCTION = Path(__file__).with_name("introduction.md")
WIDTH = 110
KINDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "object": "mapping",
    "string": "text",
}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
HEADER = (
    "All settings, with defaults, descriptions and advice on when to change them. Generated from the schema "
    "(workflow/schemas) by `make docs`.",
    "All settings are commented out: to change one, remove the first # of its line and of the lines above "
    "that contain it. Other settings take their default, or the value of the preset. Without `collection` "
    "and `studies` the simulated demo runs.",
)
RENAMED = textwrap.fill(
    "These keys of the previous version are still accepted with a warning, and their values assigned to the "
    "new keys. The next version will reject them. Keys that kept their name but changed their meaning also "
    "give a warning.",
    WIDTH,
)
ACTIVE = "preset"  # Snakemake requires at least one key; this one is set to its default


def document(whole: Schema | None = None) -> str:
    """Return the text of ``config/README.md``: the introduction, then every key of the schema."""
    keys = (whole or schema())["properties"]
    single = {name: entry for name, entry in keys.items() if not _nested(entry)}
    parts = [INTRODUCTION.read_text(encoding="utf-8").rstrip(), "## Top level", _table(single.items())]
    for name, entry in keys.items():
        if name not in single:
            parts += [f"## {name}", textwrap.fill(_text(entry), WIDTH), _table(walk(entry, name))]
    return "\n\n".join([*parts, *_renamed(whole or schema())]) + "\n"


def _renamed(whole: Schema) -> list[str]:
    """Return the section on renamed and changed keys; empty if there are none."""
    rows = []
    for old, new in renamed.table(whole):
        name, _, change = new.partition(" ")
        rows.append((f"`{old}`", f"`{name}` {change}".rstrip() if new else "no longer used"))
    rows += [(f"`{key}`", text) for key, text in renamed.changed(whole)]
    return ["## Renamed keys", RENAMED, _rows([("key", "now"), *rows])] if rows else []


def reference(whole: Schema | None = None) -> str:
    """Return the text of ``config/config.yaml``: all defaults, commented out, with descriptions.

    Prose starts with ``# `` at the margin; lines of settings (or prose within them) have zero or several
    spaces after the ``#``, and are YAML without it.
    """
    lines = [line for paragraph in HEADER for line in (*_comment(paragraph, 0), "#")][:-1]
    for name, entry in (whole or schema())["properties"].items():
        part = _entry(name, entry, 0)
        lines += ["", *(line if name == ACTIVE or line.startswith("# ") else f"#{line}" for line in part)]
    return "\n".join(lines) + "\n"


def _nested(entry: Schema) -> bool:
    return bool(children(entry)) and any(
        name != "[]" or _nested(part) for name, part in children(entry).items()
    )


def _section(entry: Schema) -> bool:
    """Return whether a key is a mapping that is filled with defaults if absent."""
    return bool(entry.get("properties")) and not entry.get("x-optional") and entry.get("type") == "object"


def _text(entry: Schema) -> str:
    return " ".join(str(entry.get("description", "")).split())


def _table(keys: Iterable[tuple[str, Schema]]) -> str:
    rows = [("key", "type", "default", "description")]
    rows += [(f"`{path}`", _kind(entry), _default(entry), _text(entry)) for path, entry in keys]
    return _rows(rows)


def _rows(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table; the first row is its header."""
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def _kind(entry: Schema) -> str:
    """Describe the allowed values."""
    if "enum" in entry:
        return " or ".join(f"`{_flow(word)}`" for word in entry["enum"])
    kinds = entry.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(KINDS.get(kind, kind) for kind in kinds) or "any"
    if "array" in kinds and isinstance(entry.get("items"), dict):
        item = entry["items"]
        text = text.replace("list", f"list of {'mappings' if _nested(item) else _kind(item)}", 1)
    return ", ".join([text, *(f"{sign} {entry[rule]}" for rule, sign in LIMITS.items() if rule in entry)])


def _default(entry: Schema) -> str:
    if _section(entry):
        return ""
    if "default" not in entry:
        return "" if entry.get("x-optional") or "x-name" in entry else "required"
    values = [f"`{_flow(entry['default'])}`"]
    values += [f"{name}: `{_flow(value)}`" for name, value in entry.get("x-presets", {}).items()]
    return ", ".join(values)


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _entry(name: str, entry: Schema, depth: int) -> Iterator[str]:
    """Yield the lines of one key: its description as a comment, then its default."""
    indent = "  " * depth
    values = [f"{preset}: {_flow(value)}" for preset, value in entry.get("x-presets", {}).items()]
    note = f" Presets: {', '.join(values)}." if values else ""
    yield from _comment(_text(entry) + note, depth)
    if _section(entry):
        yield f"{indent}{name}:"
        for inner, part in entry["properties"].items():
            yield from _entry(inner, part, depth + 1)
    elif "x-example" in entry:
        text = yaml.safe_dump({name: entry["x-example"]}, sort_keys=False)
        yield from (indent + line for line in text.splitlines())
    elif "default" not in entry:
        yield f"{indent}# {name}: ...   {'(optional)' if entry.get('x-optional') else '(yours to write)'}"
    elif isinstance(entry["default"], list) and any(isinstance(item, dict) for item in entry["default"]):
        yield f"{indent}{name}:"
        yield from (f"{indent}  - {_flow(item)}" for item in entry["default"])
    else:
        yield f"{indent}{name}: {_flow(entry['default'])}"


def _comment(text: str, depth: int) -> list[str]:
    start = "  " * depth + "# "
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_on_hyphens=False,
        break_long_words=False,
    )
