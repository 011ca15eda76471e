"""Names of the same cells in two files that differ in a prefix or a suffix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.expressions import compiled, without
from panscape.data.labels import class_name
from panscape.data.readers.study import listing
from panscape.errors import fail
from panscape.log import logger

_BARCODE = re.compile(r"^(.*?)([ACGT]{8,})([^ACGT].*)?$", re.DOTALL)
_BASES = r"[ACGT]{8}"
SHARED = 0.5  # fraction of the smaller file that a rule has to match to be applied without being asked for
CHANCE = 0.05  # fraction below which agreement is taken for chance: 5000 of 737,280 barcodes share under 1 %
MOST_SAMPLES = 200  # classes of an annotation that may tell samples apart
COMMON = 5  # prefixes and suffixes of a file that are tried, the most frequent ones


@dataclass(frozen=True)
class Rule:
    """How a barcode becomes the name of a cell.

    Attributes
    ----------
    strip
        Regular expression whose matches are removed; "" for none.
    prefix, suffix
        Text that is added.
    where
        Key of `strip` for error messages.

    Examples
    --------
    >>> rule = Rule("-1$", prefix="S1_")
    >>> rule.apply(pd.Index(["ACGT-1"])).tolist(), str(rule)
    (['S1_ACGT'], "strip: '-1$', prefix: 'S1_'")
    """

    strip: str = ""
    prefix: str = ""
    suffix: str = ""
    where: str = field(default="strip", compare=False)

    @classmethod
    def of(cls, settings: Mapping[str, Any], where: str) -> Rule:
        """Return the rule in `strip`, `prefix` and `suffix`; a UserError if `strip` is no expression."""
        strip = settings.get("strip") or ""
        place = f"{where}.strip"
        compiled(strip, place, "write e.g. '-1$' for a suffix, '^S1_' for a prefix")
        return cls(strip, settings.get("prefix") or "", settings.get("suffix") or "", place)

    def __bool__(self) -> bool:
        return bool(self.strip or self.prefix or self.suffix)

    def __str__(self) -> str:
        parts = (("strip", self.strip), ("prefix", self.prefix), ("suffix", self.suffix))
        return ", ".join(f"{key}: '{value}'" for key, value in parts if value)

    def apply(self, names: pd.Index) -> pd.Index:
        """Return the names of the cells."""
        if not self:
            return names
        text = names.to_series().astype(str)
        if self.strip:
            text = pd.Series(without(list(text), re.compile(self.strip), self.where), dtype=object)
        return pd.Index(self.prefix + text + self.suffix, dtype=object)


def rows_of(
    cells: pd.Index, others: pd.Index, settings: Mapping[str, Any], place: str, where: str, *, what: str
) -> np.ndarray:
    """Return the row of each cell among the barcodes of another file, -1 for none.

    If names do not agree as they are and the settings say nothing, a prefix and suffix that all names of a
    file have are replaced by those of the other file, provided that names contain barcodes (runs of bases)
    and that this matches half of the cells of the smaller file; this is logged. What is less certain is
    proposed in the error.

    Parameters
    ----------
    cells
        Names of the cells, unique.
    others
        Barcodes of the other file.
    settings
        `strip`, `prefix` and `suffix` of the other file.
    place
        Key and file for messages.
    where
        Key of the settings, which the messages tell to change.
    what
        What the other file is, for messages.

    Raises
    ------
    UserError
        If (almost) no barcode is shared, or barcodes are repeated after their change.
    """
    rule = Rule.of(settings, where)
    named = rule.apply(others)
    shared = _shared(cells, named)
    least = CHANCE * min(len(cells), len(others))
    if not rule and shared <= least and len(others):
        found, certain = suggestion(cells, others)
        if found and certain:
            logger.info("%s: barcodes of the %s are matched with %s: {%s}", place, what, where, found)
            rule, named = found, found.apply(others)
            shared = _shared(cells, named)
        elif found:
            number = _shared(cells, found.apply(others))
            raise fail(
                place,
                _unlike(cells, others, shared, what),
                f"write {where}: {{..., {found}}}, which matches {number}",
            )
    if shared == 0 or (shared < least and min(len(cells), len(others)) >= 200):
        raise fail(
            place,
            _unlike(cells, named, shared, what),
            f"make the barcodes of the two files agree with strip, prefix and suffix in {where}; if they are "
            "unlike altogether, the files are of different samples, or of separate runs of cellranger and "
            "cellranger-atac (of a multiome, cellranger-arc alone names cells alike in both)",
        )
    doubles = named[named.duplicated()]
    if rule and len(doubles):
        problem = (
            f"{len(doubles)} barcodes of the {what} occur more than once after {{{rule}}}, e.g. {doubles[0]}"
        )
        raise fail(place, problem, f"strip less in {where}")
    return pd.Index(named).get_indexer(cells)


def _unlike(cells: pd.Index, others: pd.Index, shared: int, what: str) -> str:
    number = "no barcode" if not shared else f"only {shared} of {len(others)} barcodes"
    verb = "is" if shared in (0, 1) else "are"
    return (
        f"{number} of the {what} ({listing(others, 3)}) {verb} among the cells of the genes "
        f"({listing(cells, 3)})"
    )


def _shared(cells: pd.Index, others: Iterable[str]) -> int:
    return len(set(cells).intersection(others))


def suggestion(cells: pd.Index, others: pd.Index) -> tuple[Rule | None, bool]:
    """Return the rule that matches most barcodes with cells, and whether it is certain.

    It is certain if all names contain a run of bases (numbers agree by chance), all names of each file have
    the same prefix and suffix, half of the cells of the smaller file are matched, and no two barcodes get the
    same name.

    Parameters
    ----------
    cells
        Names of the cells.
    others
        Barcodes of the other file.

    Examples
    --------
    >>> rule, certain = suggestion(pd.Index(["ACGTACGT-1", "TTGTACGT-1"]), pd.Index(["ACGTACGT", "TTGTACGT"]))
    >>> str(rule), certain
    ("suffix: '-1'", True)
    """
    ours, theirs = _affixes(cells), _affixes(others)
    known, best, count = set(cells), Rule(), 0
    for (prefix, suffix), (old_prefix, old_suffix) in product(ours, theirs):
        rule = _rule(prefix, suffix, old_prefix, old_suffix)
        if rule:
            number = len(known.intersection(rule.apply(others)))
            if number > count:
                best, count = rule, number
    smaller = min(len(cells), len(others))
    if count <= CHANCE * smaller:
        return None, False
    bases = all(cells.str.contains(_BASES)) and all(others.str.contains(_BASES))
    one = bases and len(ours) == len(theirs) == 1 and best.apply(others).is_unique
    return best, one and count >= SHARED * smaller


def _affixes(names: pd.Index) -> list[tuple[str, str]]:
    """Return the most frequent (prefix, suffix) around the run of bases, or what all names share."""
    found = [_BARCODE.match(str(name)) for name in names]
    if all(found):
        counts = Counter((match[1], match[3] or "") for match in found if match)
        return [affix for affix, _ in counts.most_common(COMMON if len(counts) <= COMMON * 20 else 0)] or [
            _common(names)
        ]
    return [_common(names)]


def _start(texts: list[str]) -> str:
    """Return the text that all begin with."""
    low, high = min(texts), max(texts)
    same = next((at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), None)
    return low[:same] if same is not None else low[: len(high)]


def _common(names: pd.Index) -> tuple[str, str]:
    texts = [str(name) for name in names]
    prefix = _start(texts)
    return prefix, _start([text[len(prefix) :][::-1] for text in texts])[::-1]


def _rule(prefix: str, suffix: str, old_prefix: str, old_suffix: str) -> Rule:
    """Return the shortest rule that replaces the old prefix and suffix by the new ones."""
    tail = len(_start([prefix[::-1], old_prefix[::-1]]))
    prefix, old_prefix = prefix[: len(prefix) - tail], old_prefix[: len(old_prefix) - tail]
    head = len(_start([suffix, old_suffix]))
    suffix, old_suffix = suffix[head:], old_suffix[head:]
    parts = [f"^{_escaped(old_prefix)}"] if old_prefix else []
    parts += [f"{_escaped(old_suffix)}$"] if old_suffix else []
    return Rule("|".join(parts), prefix, suffix)


def _escaped(text: str) -> str:
    """Return text as a regular expression, without the escapes of re.escape that are not needed."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def selection_of_one(names: pd.Index, table: pd.DataFrame) -> tuple[str, str] | None:
    """Return a column that tells cells of one name apart, and an expression that selects a class of it.

    Parameters
    ----------
    names
        Names of the cells, some more than once.
    table
        Their annotations.

    Returns
    -------
    Column and expression for `keep` or `metadata.rows`, None if no column does.

    Examples
    --------
    >>> selection_of_one(pd.Index(["c", "c"]), pd.DataFrame({"kind": ["x", "x"], "my sample": ["A", "B"]}))
    ('my sample', "`my sample` == 'A'")
    """
    for name, values in table.items():
        if not 1 < values.nunique() <= MOST_SAMPLES or values.isna().any():
            continue
        texts = values.map(class_name).astype(str).to_numpy()
        if not pd.DataFrame({"cell": np.asarray(names), "of": texts}).duplicated().any():
            column = name if re.fullmatch(r"[A-Za-z_]\w*", str(name)) else f"`{name}`"
            value = texts[0] if pd.api.types.is_numeric_dtype(values) else f"'{texts[0]}'"
            return str(name), f"{column} == {value}"
    return None
