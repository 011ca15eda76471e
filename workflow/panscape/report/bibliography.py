"""Bibliography: a single BibTeX file is the source of all references.

Sections of the report name keys of ``references.bib``; :func:`cite` turns them into text. ``python -m
panscape.report`` writes docs/references.md and CITATION.cff anew (``make docs``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from panscape import __version__

SOURCE = Path(__file__).with_name("references.bib")
GROUPS = {
    "method": "The four methods",
    "related": "Methods that single steps follow or are compared with",
    "technique": "Statistics, graphs and models",
    "software": "Software",
}
_FIELDS = {"author", "title", "journal", "booktitle", "volume", "pages", "year", "doi", "eprint"}
_FIELDS |= {"keywords", "annote", "package"}


@dataclass(frozen=True)
class Reference:
    """An entry of the bibliography.

    Parameters
    ----------
    key
        Citation key.
    kind
        ``article`` or ``inproceedings``.
    fields
        Fields of the entry, as in BibTeX; `author`, `title`, `year` and `keywords` (the group) are required.
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def authors(self) -> list[tuple[str, str]]:
        """Family and given names, in order; ("others", "") stands for those not listed."""
        pairs = (name.partition(", ") for name in self.fields["author"].split(" and "))
        return [(family, given) for family, _, given in pairs]

    @property
    def short(self) -> str:
        """Citation in running text: Hie et al. 2019."""
        names = [family for family, _ in self.authors]
        lead = (
            names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
        )
        return f"{lead} {self.fields['year']}"

    @property
    def link(self) -> str:
        """Address of the DOI, else of the preprint, else empty."""
        if "doi" in self.fields:
            return f"https://doi.org/{self.fields['doi']}"
        return f"https://arxiv.org/abs/{self.fields['eprint']}" if "eprint" in self.fields else ""

    @property
    def text(self) -> str:
        """Entry of a list of references."""
        names = ", ".join(_initials(family, given) for family, given in self.authors[:6])
        names += " et al." if len(self.authors) > 6 or self.authors[-1][0] == "others" else ""
        where = self.fields.get("journal") or self.fields["booktitle"]
        volume, pages = self.fields.get("volume", ""), self.fields.get("pages", "")
        place = " ".join(filter(None, [where, ":".join(filter(None, [volume, pages]))]))
        ending = f" {self.link}" if self.link else ""
        year, title = self.fields["year"], self.fields["title"]
        return f"{names.replace(', others', '')} ({year}). {title}. {place}.{ending}"


def _initials(family: str, given: str) -> str:
    letters = "".join(word[0] for word in re.split(r"[ -]", given) if word)
    return f"{family} {letters}".strip()


def parse(text: str) -> dict[str, Reference]:
    """Return the entries of a BibTeX file with one field per line.

    Raises
    ------
    ValueError
        For a malformed line, an unknown field, a duplicate key, or an entry without author, title, year,
        group, or place of publication.
    """
    references: dict[str, Reference] = {}
    head: tuple[str, str] | None = None
    fields: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = re.fullmatch(r"@(article|inproceedings)\{(\w+),", line)
        field = re.fullmatch(r"  (\w+) = \{(.+)\},", line)
        if entry and head is None and entry[2] not in references:
            head, fields = (entry[1], entry[2]), {}
        elif field and head and field[1] in _FIELDS - fields.keys():
            fields[field[1]] = field[2]
        elif line == "}" and head and _complete(fields):
            references[head[1]] = Reference(head[1], head[0], fields)
            head = None
        elif line and not line.startswith("%"):
            raise ValueError(f"references.bib, line {number}: {line!r} is malformed, duplicate or misplaced")
    if head:
        raise ValueError(f"references.bib: {head[1]} has no end")
    return references


def _complete(fields: Mapping[str, str]) -> bool:
    needed = {"author", "title", "year", "keywords"} <= fields.keys() and ("journal" in fields) != (
        "booktitle" in fields
    )
    return needed and fields["keywords"] in GROUPS


@cache
def entries() -> dict[str, Reference]:
    """Return the bibliography by key."""
    return parse(SOURCE.read_text(encoding="utf-8"))


def cite(keys: Iterable[str]) -> list[str]:
    """Return the texts of references, each once, in the order of their keys.

    Raises
    ------
    KeyError
        If a key is not in the bibliography.
    """
    return [entries()[key].text for key in dict.fromkeys(keys)]


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of references, each once, in the order of their keys.

    Raises
    ------
    KeyError
        If a key is not in the bibliography.

    Examples
    --------
    >>> bibtex(["hie2019coscape"]).splitlines()[0]
    '@article{hie2019coscape,'
    """
    kept = _FIELDS - {"keywords", "annote", "package"}
    texts = []
    for one in (entries()[key] for key in dict.fromkeys(keys)):
        fields = [f"  {name} = {{{value}}}," for name, value in one.fields.items() if name in kept]
        texts.append("\n".join([f"@{one.kind}{{{one.key},", *fields, "}", ""]))
    return "\n".join(texts)


def of_software(names: Iterable[str]) -> list[str]:
    """Return the keys of the references of packages, by package name."""
    known = {one.fields["package"]: key for key, one in entries().items() if "package" in one.fields}
    return [known[name] for name in names if name in known]


def page() -> str:
    """Return docs/references.md."""
    lines = [
        "# References",
        "",
        "Made from `workflow/panscape/report/references.bib` by `make docs`; do not edit.",
        "",
    ]
    lines += ["A report and its methods.md cite those that the analysis used.", ""]
    for group, title in GROUPS.items():
        lines += [f"## {title}", "", "| key | for | reference |", "|---|---|---|"]
        for key, one in entries().items():
            if one.fields["keywords"] == group:
                what = one.fields.get("annote") or one.fields["package"]
                lines.append(f"| `{key}` | {what} | {one.text} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def citation_file() -> str:
    """Return CITATION.cff: the software, and the papers of the four methods."""
    content = {
        "cff-version": "1.2.0",
        "message": "If you use panscape, please cite it and the paper of each method that you used.",
        "title": "panscape",
        "version": __version__,
        "license": "BSD-3-Clause",
        "type": "software",
        "authors": [{"name": "The panscape developers"}],
        "references": [_cff(one) for one in entries().values() if one.fields["keywords"] == "method"],
    }
    head = "# Made from workflow/panscape/report/references.bib by `make docs`; do not edit.\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _cff(one: Reference) -> dict:
    fields = one.fields
    numbers = {"year": int(fields["year"])}
    if "volume" in fields:
        numbers["volume"] = int(fields["volume"])
    return {
        "type": "article",
        "title": fields["title"],
        "authors": [{"family-names": family, "given-names": given} for family, given in one.authors],
        "journal": fields["journal"],
        **numbers,
        "doi": fields["doi"],
    }
