"""Species: their names, and what gene names tell of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from panscape.errors import Problem, nearest

SYNONYMS = {
    "human": ("homo sapiens", "h. sapiens", "hsapiens", "hs"),
    "mouse": ("mus musculus", "m. musculus", "mmusculus", "mm", "mice"),
    "rat": ("rattus norvegicus", "r. norvegicus", "rnorvegicus"),
    "worm": ("caenorhabditis elegans", "c. elegans", "celegans"),
    "fly": ("drosophila melanogaster", "d. melanogaster", "dmelanogaster", "fruit fly", "drosophila"),
    "zebrafish": ("danio rerio", "d. rerio", "drerio"),
    "chicken": ("gallus gallus", "g. gallus", "ggallus"),
    "frog": ("xenopus tropicalis", "x. tropicalis", "xtropicalis", "xenopus"),
    "pig": ("sus scrofa", "s. scrofa", "sscrofa"),
    "cow": ("bos taurus", "b. taurus", "btaurus"),
    "macaque": ("macaca mulatta", "m. mulatta", "mmulatta", "rhesus macaque", "rhesus"),
    "marmoset": ("callithrix jacchus", "c. jacchus", "cjacchus"),
    "other": (),
}
"""Names of species, and other names for them in lower case."""

_CANONICAL = {
    word: name
    for name, others in SYNONYMS.items()
    for word in (name, *others, *(other.replace(" ", "_") for other in others))
}
_IDS = {
    "ENSG": "human", "ENSMUSG": "mouse", "ENSRNOG": "rat", "ENSDARG": "zebrafish", "ENSGALG": "chicken",
    "ENSXETG": "frog", "ENSSSCG": "pig", "ENSBTAG": "cow", "ENSMMUG": "macaque", "ENSCJAG": "marmoset",
    "WBGENE": "worm", "FBGN": "fly",
}  # fmt: skip
_ID = re.compile(r"(?i)(ENS[A-Z]{0,6}G|WBGene|FBgn)\d{7,}")
# names that one of the two has by the hundred and the other never, whatever the capitals
_HUMAN = re.compile(r"(?i)ZNF\d+|LINC\d+|HLA-\w+|C\d+ORF\d+")
_MOUSE = re.compile(r"(?i)\d{7}[A-Z]\d{2}RIK\d*|GM\d{3,}|H2-\w+")
_WORM = re.compile(r"(?i)[a-z]{3,4}-\d+|[A-Z]+\d+[A-Z]+\d*\.\d+[a-z]?")
_RANGE = re.compile(r"(?i)(chr)?\w+[:_-]\d+[_-]\d+")  # a peak has no style
_STYLE = {"human": "upper", "mouse": "title", "rat": "title"}  # capitals of the symbols
FEWEST = 10  # names that show a style
MARKS = 5  # names of one species only


def canonical(name: str) -> str:
    """Return the name of a species: one of `SYNONYMS`, or the name as it is in lower case.

    Examples
    --------
    >>> canonical("Mus musculus"), canonical("HUMAN"), canonical("Mesocricetus auratus")
    ('mouse', 'human', 'mesocricetus auratus')
    """
    word = " ".join(name.lower().split())
    return _CANONICAL.get(word, word)


def misspelt(name: str, where: str) -> Problem | None:
    """Return the problem of a name that is nearly that of a known species, or None."""
    guess = None if canonical(name) in SYNONYMS else nearest(name, _CANONICAL)
    if guess is None:
        return None
    advice = f"did you mean {guess!r}? a species that is not listed: write its scientific name"
    return Problem(where, f"{name!r} is not the name of a known species", advice)


@dataclass(frozen=True)
class Naming:
    """What gene names, or a declaration, tell of a species.

    Attributes
    ----------
    species
        Its name; None if the names do not tell.
    style
        Capitals of the symbols: ``"upper"``, ``"title"`` or ``"lower"``; None for ids and mixtures.
    """

    species: str | None = None
    style: str | None = None

    def __str__(self) -> str:
        if self.species:
            return f"genes of {self.species}"
        words = {"upper": "symbols in upper case", "title": "symbols in title case, as of mouse or rat"}
        return words.get(self.style or "", "symbols in lower case")


def declared(species: str) -> Naming:
    """Return the naming of a species.

    Examples
    --------
    >>> declared("mouse").style
    'title'
    """
    return Naming(None if species == "other" else species, _STYLE.get(species))


def naming(names: Iterable[str]) -> Naming:
    """Return what gene names, as they stand in a file, tell of their species.

    Stable ids tell the species by their prefix, worm genes by their form. Of symbols the capitals are
    returned, and the species where at least `MARKS` names are those of human or of mouse alone (ZNF10,
    LINC00461; Gm1234, 1700001A01Rik), ten times as many as of the other.

    Parameters
    ----------
    names
        Names of the genes.

    Examples
    --------
    >>> naming([f"ENSMUSG{number:011d}" for number in range(20)])
    Naming(species='mouse', style=None)
    >>> naming(["Sox2", "Trp53", "Actb", "Ins1", "Ins2", "Gcg", "Sst", "Ppy", "Pax6", "Isl1"])
    Naming(species=None, style='title')
    """
    names = [str(name) for name in names if str(name).strip()]
    ids = Counter(found[1].upper() for name in names if (found := _ID.match(name)))
    if names and ids.total() > len(names) / 2:
        return Naming(_IDS.get(ids.most_common(1)[0][0]))
    if len(names) >= FEWEST and sum(bool(_WORM.fullmatch(name)) for name in names) > len(names) / 2:
        return Naming("worm")
    human, mouse = (sum(bool(mark.fullmatch(name)) for name in names) for mark in (_HUMAN, _MOUSE))
    species = None
    if max(human, mouse) >= max(MARKS, 10 * min(human, mouse)):
        species = "human" if human > mouse else "mouse"
    return Naming(species, _style(names))


def id_species(name: str) -> str | None:
    """Return the species of a stable id, None for other names.

    Examples
    --------
    >>> id_species("ENSMUSG00000029580"), id_species("Actb")
    ('mouse', None)
    """
    found = _ID.match(name)
    return _IDS.get(found[1].upper(), "other") if found else None


def looks_like_worm(name: str) -> bool:
    """Return whether a name has the form of a gene or sequence of C. elegans (unc-119, Y71H2AM.3)."""
    return bool(_WORM.fullmatch(name))


def _style(names: list[str]) -> str | None:
    symbols = [name for name in names if not _ID.match(name) and not _RANGE.fullmatch(name)]
    lettered = [name for name in symbols if len(re.findall("[A-Za-z]", name)) > 1]
    if len(lettered) < FEWEST:
        return None
    styles = Counter(
        "upper" if name == name.upper() else "lower" if name == name.lower() else "title" for name in lettered
    )
    style, number = styles.most_common(1)[0]
    return style if number > len(lettered) / 2 else None


def differ(one: Naming, other: Naming) -> bool:
    """Return whether two studies may be of different species: species, or capitals where these do not tell.

    Examples
    --------
    >>> differ(Naming("mouse", "upper"), Naming("mouse", "title"))
    False
    >>> differ(Naming(None, "upper"), Naming(None, "title"))
    True
    """
    if one.species and other.species:
        return one.species != other.species
    return None not in (one.style, other.style) and one.style != other.style
