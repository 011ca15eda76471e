"""Ages: units of time, and proposals for ages that are written as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from panscape.data.text import as_yaml

# days per unit; mean calendar months and years
UNITS = {
    "minutes": 1 / 1440,
    "hours": 1 / 24,
    "days": 1.0,
    "weeks": 7.0,
    "months": 365.25 / 12,
    "years": 365.25,
}
# days from fertilisation to birth, the offset of ages after birth beside ages before it
GESTATION = {"human": 266.0, "mouse": 19.0, "rat": 22.0}
# days after fertilisation of the Carnegie stages of human embryos
_CARNEGIE = dict(
    zip(
        range(1, 24),
        [1.0, 3.0, 4.5, 6.0, 9.5, 13, 16, 18, 20, 22, 24, 28, 30, 33, 36, 40, 42, 44, 48, 51, 53, 54, 56],
        strict=True,
    )
)
_NUMBER = r"(?P<number>\d+(?:[.,]\d+)?)"
_WORDS = {
    "minutes": "min|minutes?",
    "hours": "h|hrs?|hours?|hpf|hpc",
    "days": "d|days?|dpf|dpc|dpn|dpp",
    "weeks": "w|wks?|weeks?|wpc|pcw|wpf",
    "months": "m|mo|mos|mth|months?",
    "years": "y|yr|yrs|years?|yo",
}
_UNIT = "|".join(f"(?P<{unit}>{words})" for unit, words in _WORDS.items())
_FROM_FERTILISATION = re.compile(r"hpf|hpc|dpf|dpc|wpc|pcw|wpf|post.?(concep|fert)", re.IGNORECASE)


@dataclass(frozen=True)
class Age:
    """An age read from text.

    Attributes
    ----------
    days
        The age.
    unit
        Unit that it was written in; None for a number without one.
    origin
        ``"fertilisation"``, ``"birth"``, or "" where the text does not say.
    bound
        Whether the text is a range or a bound (``45-50``, ``60+``), of which `days` is the middle or the end.
    """

    days: float
    unit: str | None
    origin: str = ""
    bound: bool = False


def parse(text: str) -> Age | None:
    """Return the age that a text means, None if it means none.

    It reads E13.5 and P7, weeks after conception (``12 pcw``) and of gestation (``GW14``, two weeks more),
    Carnegie stages, numbers with a unit (``3 mo``, ``2 y``, ``12 weeks``), stages of CELLxGENE
    (``45-year-old stage``), ranges (``45-50``) and open ones (``60+``). A number without unit has the days of
    that number and `unit` None.

    Examples
    --------
    >>> [parse(text).days for text in ("E13.5", "P7", "Carnegie stage 20", "GW14", "2 weeks")]
    [13.5, 7.0, 51, 84.0, 14.0]
    >>> parse("adult")
    """
    text = " ".join(text.replace("_", " ").split())
    found = re.fullmatch(r"(?:E|embryonic day)\s?" + _NUMBER + "(?: ?dpc)?", text, re.IGNORECASE)
    if found:
        return Age(_float(found["number"]), "days", "fertilisation")
    found = re.fullmatch(r"(?:P|PND?|postnatal day)\s?" + _NUMBER, text, re.IGNORECASE)
    if found:
        return Age(_float(found["number"]), "days", "birth")
    found = re.fullmatch(r"(?:CS|Carnegie stage)\s?(\d+)\w?", text, re.IGNORECASE)
    if found:
        days = _CARNEGIE.get(int(found[1]))
        return None if days is None else Age(days, "days", "fertilisation")
    found = re.fullmatch(
        r"(?:GW\s?|gestational weeks? )"
        + _NUMBER
        + "|(?P<other>"
        + _NUMBER.replace("number", "late")
        + r") ?GW",
        text,
        re.IGNORECASE,
    )
    if found:
        return Age(7 * (_float(found["number"] or found["late"]) - 2), "weeks", "fertilisation")
    return _quantity(text)


def _quantity(text: str) -> Age | None:
    """Return the age in a number, range or bound with or without a unit."""
    pattern = (
        rf"(?P<sign>[<>≥≤~]?)\s?{_NUMBER}(?:\s?(?:-|–|to)\s?(?P<end>\d+(?:[.,]\d+)?))?(?P<plus>\s?\+)?"
        rf"(?:[\s-]?(?:{_UNIT}))?(?:[\s-]?(?:old|post[- ](?:conception|fertili[sz]ation)(?: weeks?)?))?"
        r"(?P<over>\s?\+| and over)?(?: (?:human|mouse))?(?: stage)?"
    )
    found = re.fullmatch(pattern, text, re.IGNORECASE)
    if not found:
        return None
    unit = next((name for name in UNITS if found[name]), None)
    first = _float(found["number"])
    value = (first + _float(found["end"])) / 2 if found["end"] else first
    bound = bool(found["end"] or found["plus"] or found["over"] or found["sign"])
    prenatal = bool(_FROM_FERTILISATION.search(text))
    origin = "fertilisation" if prenatal else "birth" if unit in ("months", "years") else ""
    return Age(value * UNITS[unit or "days"], unit, origin, bound)


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def proposal(texts: Iterable[str], species: str | None = None, unit: str | None = None) -> str:
    """Return settings for a column of ages in text, as YAML to paste after its ``column``.

    All ages are given in one unit. Where some are before birth, those after it are counted from
    fertilisation, too, if the length of gestation of the species is known (:data:`GESTATION`).

    Parameters
    ----------
    texts
        Values of the column.
    species
        Species of the study.
    unit
        Unit that the user gave; by default the one most ages are written in.

    Returns
    -------
    ``unit: days, values: {E13.5: 13.5, P0: 19} (ages after birth + 19 days of gestation)``; "" if no text is
    an age. Texts that are none have ``missing``.

    Examples
    --------
    >>> proposal(["E13.5", "E15"])
    'unit: days, values: {E13.5: 13.5, E15: 15} (from fertilisation)'
    >>> proposal(["2 y", "18 mo"], unit="years")
    'unit: years, values: {18 mo: 1.5, 2 y: 2} (since birth)'
    """
    ages = {text: parse(text) for text in sorted(set(texts))}
    known = {text: age for text, age in ages.items() if age is not None}
    if not known:
        return ""
    written = Counter(age.unit for age in known.values() if age.unit)
    target = unit or (written.most_common(1)[0][0] if written else None)
    before = any(age.origin == "fertilisation" for age in known.values())
    after = any(age.origin == "birth" for age in known.values())
    added = GESTATION.get(species or "") if before and after else 0.0
    if added is None:
        return ""
    pairs = []
    for text, age in ages.items():
        if age is None:
            pairs.append(f"{as_yaml(text)}: missing")
            continue
        days = age.days + (added if age.origin == "birth" else 0.0)
        scale = 1.0 if age.unit is None or target is None else UNITS[target]
        pairs.append(f"{as_yaml(text)}: {days / scale:.6g}")
    notes = ["from fertilisation" if before else "since birth"] if before or after else []
    if added:
        notes[0] += f": {added:g} days of gestation are added after birth"
    if any(age.bound for age in known.values()):
        notes.append("the middle of ranges, the end of open ones")
    head = f"unit: {target}, " if target else ""
    return f"{head}values: {{{', '.join(pairs)}}}" + (f" ({'; '.join(notes)})" if notes else "")


def convert_age(values: Any, unit: str, to: str) -> Any:
    """Convert ages to another unit.

    Parameters
    ----------
    values
        A number, array or Series of ages.
    unit, to
        Present and wanted unit, keys of :data:`UNITS`.

    Returns
    -------
    The converted ages, shaped as `values`; `values` itself if the units are equal.

    Raises
    ------
    KeyError
        If the units differ and one of them is unknown.
    """
    return values if unit == to else values * (UNITS[unit] / UNITS[to])
