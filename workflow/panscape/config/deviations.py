"""Differences between the published methods, their released code and panscape, and the presets.

One file per method, ``workflow/deviations/<method>.yaml``, describes the approach of the paper, of its code
and of panscape, and the reason. The values of the presets are in the schema; every setting that a preset
changes belongs to exactly one deviation. ``docs/deviations.md`` and the Methods text are generated from both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deviations"
PRESETS = ("paper", "code")
SOURCES = {"paper": "the published method", "code": "the method's released program"}
AS_THE_PAPER = "As in the paper"  # start of the text where panscape follows the paper
SHOWN = 5  # maximum number of settings listed by name
_MISSING = object()


@dataclass(frozen=True)
class Deviation:
    """A difference between paper, code and panscape.

    Attributes
    ----------
    title, section
        Subject, and section of the configuration.
    where
        Equation or section of the paper.
    paper, code, panscape, why
        Approach of each, and the reason for panscape's.
    keys
        Settings by which a preset follows the paper or its code, if any.
    """

    title: str
    section: str
    where: str
    paper: str
    code: str
    panscape: str
    why: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """A published method.

    Attributes
    ----------
    name
        Name of the file.
    method, about, citation, code
        Display name, description, citation key, released code.
    claims
        Mapping of presets to the sections of the configuration that they change.
    deviations
        Deviations, in the order of the analysis.
    """

    name: str
    method: str
    about: str
    citation: str
    code: str
    claims: Mapping[str, tuple[str, ...]]
    deviations: tuple[Deviation, ...]


@cache
def methods() -> tuple[Method, ...]:
    """Return the methods, in the order of the analysis.

    Raises
    ------
    TypeError
        If a file lacks a field or has one that is unknown.
    """
    order = ("coscape", "sivae", "coem", "unicoord")
    return tuple(_method(FOLDER / f"{name}.yaml") for name in order)


def _method(path: Path) -> Method:
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [
        Deviation(keys=tuple(row.pop("keys", ())), **{name: _line(value) for name, value in row.items()})
        for row in given.pop("deviations")
    ]
    claims = {preset: tuple(sections) for preset, sections in given.pop("claims").items()}
    return Method(
        path.stem, claims=claims, deviations=tuple(rows), **{name: _line(v) for name, v in given.items()}
    )


def _line(text: Any) -> str:
    return " ".join(str(text).split())


def digest() -> str:
    """Return a digest of the files, so that changes rerun the report."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml")))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def preset_values() -> dict[str, dict[str, Any]]:
    """Return the values of the settings that presets change, by key and preset."""
    from panscape.config.schema import schema, walk

    return {
        key: {
            "best": entry.get("default"),
            **{p: entry["x-presets"].get(p, entry.get("default")) for p in PRESETS},
        }
        for key, entry in walk(schema())
        if "x-presets" in entry
    }


def changed(section: str, preset: str) -> list[str]:
    """Return the settings of a section (of the configuration) that a preset changes."""
    return [
        key
        for key, values in preset_values().items()
        if _section(key) == section and values.get(preset) != values["best"]
    ]


def _section(key: str) -> str:
    return key.split(".", 1)[0].removesuffix("[]")


def values_at(config: Mapping[str, Any], key: str) -> list[Any]:
    """Return the values of a key of the schema, one per item for keys in a list (``a[].b``)."""
    values: list[Any] = [config]
    for part in key.split("."):
        name = part.removesuffix("[]")
        values = [item.get(name, _MISSING) if isinstance(item, Mapping) else _MISSING for item in values]
        values = [item for item in values if item is not _MISSING]
        if part.endswith("[]"):
            values = [inner for item in values for inner in item]
    return values


def departs(deviation: Deviation, config: Mapping[str, Any]) -> str:
    """Return a description of an analysis' departure from the paper, or "" if its settings are the paper's.

    Settings other than panscape's are given as values, since errors of the released code are not reproduced.
    """
    if not deviation.keys:
        return "" if deviation.panscape.startswith(AS_THE_PAPER) else deviation.panscape
    for source in ("paper", "best", "code"):
        if all(_follows(config, key, source) for key in deviation.keys):
            break
    else:
        source = "hand"
    if source in ("paper", "best"):
        return "" if source == "paper" else deviation.panscape
    whose = "Settings of the released program" if source == "code" else "Settings of this analysis"
    return f"{whose}: {_written(config, deviation.keys)}."


def _written(config: Mapping[str, Any], keys: Iterable[str]) -> str:
    return ", ".join(f"{key} {flow(values_at(config, key))}" for key in keys)


def _follows(config: Mapping[str, Any], key: str, source: str) -> bool:
    wanted = preset_values()[key][source]
    return all(_plain(value) == _plain(wanted) for value in values_at(config, key))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def flow(values: list[Any]) -> str:
    """Return the values of a key as YAML on one line."""
    value = values[0] if len(values) == 1 else values
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()


def departures(config: Mapping[str, Any], sections: Iterable[str]) -> list[tuple[Method, Deviation, str]]:
    """Return the departures of an analysis from the papers: method, deviation, description.

    Parameters
    ----------
    config
        Complete configuration.
    sections
        Sections of the configuration with results.
    """
    sections = set(sections)
    rows = [
        (method, deviation, departs(deviation, config))
        for method in methods()
        for deviation in method.deviations
        if deviation.section in sections
    ]
    return [row for row in rows if row[2]]


def settings_in_words(config: Mapping[str, Any], sections: Iterable[str]) -> str:
    """Return a sentence on the origin of the settings by section, for presets that have an effect.

    Parameters
    ----------
    config
        Complete configuration.
    sections
        Sections of the configuration with results, in order.
    """
    preset, sections = config.get("preset", "best"), list(sections)
    if preset not in PRESETS:
        return f"panscape's own settings{_others_set(config, sections)}"
    following, idle, by_hand = [], [], []
    for section in sections:
        keys = changed(section, preset)
        kept = [key for key in keys if _follows(config, key, preset)]
        by_hand += [key for key in keys if key not in kept]
        if not keys:
            idle.append(section)
        elif kept:
            following.append(section)
    parts = []
    if following:
        parts.append(f"the settings of {SOURCES[preset]} in {listed(following)}")
    if by_hand:
        parts.append(f"but {_written(config, by_hand)} set by hand")
    if idle:
        parts.append(f"panscape's own in {listed(idle)}, where the preset changes nothing")
    return ("; ".join(parts) or "panscape's own settings") + _others_set(config, sections)


def _others_set(config: Mapping[str, Any], sections: list[str]) -> str:
    """Return the end of the sentence: settings that differ from all presets."""
    from panscape.config.schema import schema, walk

    preset = config.get("preset", "best")
    named = preset_values() if preset in PRESETS else {}
    keys = [
        key
        for key, entry in walk(schema())
        if _section(key) in sections and "[]" not in key and "*" not in key
        if "default" in entry and "properties" not in entry and key not in named
        if any(_plain(value) != _plain(entry["default"]) for value in values_at(config, key))
    ]
    if not keys:
        return ""
    if len(keys) > SHOWN:
        return f"; {len(keys)} settings set by hand (see the parameters)"
    return f"; {listed(keys)} set by hand"


def listed(names: list[str]) -> str:
    """Return ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
