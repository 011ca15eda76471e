"""Ages: units of time, and proposals for ages that are written as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
GESTATION = {"human": 266.0, "mouse": 19.0, "rat": 22.0, "macaque": 165.0, "marmoset": 144.0, "pig": 114.0}
GESTATION |= {"cow": 283.0, "chicken": 21.0}
# days after fertilisation of the Carnegie stages of human embryos, from 1 on
_CARNEGIE = (1.0, 3.0, 4.5, 6.0, 9.5, 13, 16, 18, 20, 22, 24, 28, 30, 33, 36, 40, 42, 44, 48, 51, 53, 54, 56)
# the same of the Theiler stages of mouse embryos
_THEILER = (
    0.5, 1.5, 2.0, 3.0, 4.0, 4.5, 5.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0,
    13.0, 14.0, 15.0, 16.0, 17.0, 18.0,
)  # fmt: skip
_NUMBER = r"\d+(?:\.\d+|,\d{1,2}|,\d{4,})?"  # 1,234 may be a thousand or a decimal comma: neither
_WORDS = {
    "minutes": "min|minutes?",
    "hours": "h|hrs?|hours?|hpf|hpc",
    "days": "d|days?|dpf|dpc|dpn|dpp",
    "weeks": "w|wks?|weeks?|wpc|pcw|wpf",
    "months": "m|mo|mos|mth|months?",
    "years": "y|yr|yrs|years?|yo",
}
_UNIT = "|".join(f"(?P<{unit}>{words})" for unit, words in _WORDS.items())
_POST = r"post[- ]?(?:concep|fertili[sz]a)tion"
_FROM_FERTILISATION = re.compile(rf"hpf|hpc|dpf|dpc|wpc|pcw|wpf|{_POST}", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def _range(prefix: str = "") -> str:
    """Return the pattern of a number or range, with the prefix before its end once more or not."""
    again = f"(?:{prefix} ?)?" if prefix else ""
    return rf"(?P<number>{_NUMBER})(?: ?(?:-|–|/|to) ?{again}(?P<end>{_NUMBER}))?"


_EMBRYONIC = re.compile(rf"(?:E|embryonic day) ?{_range('E')}(?: ?dpc)?", re.IGNORECASE)
_POSTNATAL = re.compile(rf"(?:PND?|PD|P|postnatal day) ?{_range('P')}", re.IGNORECASE)
_STAGE = re.compile(
    r"(?P<kind>CS|Carnegie stage|TS|Theiler stage) ?(?P<at>\d+)[a-c]?(?: ?\(CS ?\d+\))?", re.I
)
_GESTATIONAL = re.compile(
    rf"(?:(?:GW|GA|gestational weeks?) ?(?P<first>{_NUMBER})(?:\+(?P<d>[0-6]))?|"
    rf"(?P<last>{_NUMBER})(?:\+(?P<e>[0-6]))? ?(?:GW|gestational weeks?|weeks? (?:of )?(?:GA|gestation)))",
    re.IGNORECASE,
)
_WEEKS_AND_DAYS = re.compile(
    r"(?P<weeks>\d+)\+(?P<days>[0-6]) ?(?P<unit>w|wks?|weeks?|pcw|wpc)", re.IGNORECASE
)
_YEARS_AND_MONTHS = re.compile(r"(?P<years>\d+) ?(?:y|yrs?|years?),? ?(?P<months>\d+) ?(?:mo?|months?)", re.I)
_WORD_FIRST = re.compile(
    rf"(?:(?P<word>pcw|wpc|dpc|dpf|hpf|week|month|day|year|hour)s?|(?P<d>d)) ?{_range()}", re.I
)
_NTH = re.compile(
    rf"(?P<nth>\d+)(?:st|nd|rd|th) (?P<unit>day|week|month|year|decade)(?: (?P<post>{_POST}))?", re.I
)
_IN_BRACKETS = re.compile(r"[\w -]+ stage \((?P<inner>[^()]+)\)", re.IGNORECASE)


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
    Carnegie and Theiler stages, numbers with a unit (``3 mo``, ``12 weeks``, ``7+3 weeks``, ``day 10``),
    stages of CELLxGENE (``45-year-old stage``, ``15th week post-fertilization stage``, ``newborn stage (0-28
    days)``),
    ranges (``45-50``) and open ones (``60+``). A number without unit has the days of that number, and `unit`
    None.

    Examples
    --------
    >>> [parse(text).days for text in ("E13.5", "P7", "Carnegie stage 20", "GW14", "2 weeks")]
    [13.5, 7.0, 51, 84.0, 14.0]
    >>> parse("adult")
    """
    text = " ".join(text.replace("_", " ").split())
    if (found := _IN_BRACKETS.fullmatch(text)) and not _STAGE.fullmatch(text):  # newborn stage (0-28 days)
        inner = parse(found["inner"])
        early = re.search("(?i)fetal|embryo|blastula|cleavage", text)
        return inner and replace(inner, origin="fertilisation" if early else "birth", bound=True)
    text = re.sub(r"(?i)^(?:mouse|human|rat|embryo) |(?: (?:human|mouse|rat))? stage$", "", text)
    if text.lower() in ("newborn", "birth", "neonate"):
        return Age(0.0, "days", "birth")
    for pattern, origin in ((_EMBRYONIC, "fertilisation"), (_POSTNATAL, "birth")):
        if found := pattern.fullmatch(text):
            return Age(_middle(found), "days", origin, bool(found["end"]))
    return _stage(text) or _weeks(text) or _counted(text) or _quantity(text)


def _stage(text: str) -> Age | None:
    """Return the age of a Carnegie or Theiler stage."""
    found = _STAGE.fullmatch(text)
    if not found:
        return None
    known = _CARNEGIE if found["kind"][0].lower() == "c" else _THEILER
    at = int(found["at"])
    return Age(known[at - 1], "days", "fertilisation") if 1 <= at <= len(known) else None


def _weeks(text: str) -> Age | None:
    """Return the age in weeks of gestation, which start two weeks before fertilisation, or weeks and days."""
    if found := _GESTATIONAL.fullmatch(text):
        weeks = _float(found["first"] or found["last"]) - 2
        return Age(7 * weeks + int(found["d"] or found["e"] or 0), "weeks", "fertilisation")
    if found := _WEEKS_AND_DAYS.fullmatch(text):
        origin = "fertilisation" if _FROM_FERTILISATION.search(text) else ""
        return Age(7.0 * int(found["weeks"]) + int(found["days"]), "weeks", origin)
    return None


def _counted(text: str) -> Age | None:
    """Return the age in ``day 10``, ``2 years 3 months``, ``15th week post-fertilization``, ``30s``."""
    if found := _YEARS_AND_MONTHS.fullmatch(text):
        return Age(
            int(found["years"]) * UNITS["years"] + int(found["months"]) * UNITS["months"], "years", "birth"
        )
    if found := _WORD_FIRST.fullmatch(text):
        word = (found["word"] or "day").lower()
        return _quantity(f"{found[0][found.start('number') :]} {word}")
    if found := re.fullmatch(r"([1-9]0)s", text):
        return Age((int(found[1]) + 5) * UNITS["years"], "years", "birth", bound=True)
    for at, word in enumerate(_ORDINALS, 1):
        text = re.sub(rf"(?i)^{word} ", f"{at}th ", text)
    if found := _NTH.fullmatch(text):  # the middle of the week, month, year or decade
        unit, scale = (found["unit"].lower() + "s", 1) if found["unit"].lower() != "decade" else ("years", 10)
        days = (int(found["nth"]) - 0.5) * scale * UNITS[unit]
        later = "birth" if unit in ("months", "years") else ""
        return Age(days, unit, "fertilisation" if found["post"] else later, bound=True)
    return None


def _quantity(text: str) -> Age | None:
    """Return the age in a number, range or bound with or without a unit."""
    pattern = (
        rf"(?P<sign>[<>≥≤~]|under-)? ?{_range()}(?P<plus> ?\+)?"
        rf"(?:[ -]?(?:{_POST} )?(?:{_UNIT}))?(?:[ -]?(?:old|{_POST}))?(?P<over> ?\+|,? and over)?"
    )
    found = re.fullmatch(pattern, text, re.IGNORECASE)
    if not found:
        return None
    unit = next((name for name in UNITS if found[name]), None)
    bound = bool(found["end"] or found["plus"] or found["over"] or found["sign"])
    prenatal = bool(_FROM_FERTILISATION.search(text))
    origin = "fertilisation" if prenatal else "birth" if unit in ("months", "years") else ""
    return Age(_middle(found) * UNITS[unit or "days"], unit, origin, bound)


def _middle(found: re.Match[str]) -> float:
    """Return a number, or the middle of a range."""
    first = _float(found["number"])
    return (first + _float(found["end"])) / 2 if found["end"] else first


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
    if before and any(age.unit and not age.origin for age in known.values()):
        notes.append("those that do not say since when are from fertilisation")
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
