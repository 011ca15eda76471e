"""Which names are genes: common symbols of human and mouse, and the forms of ids and of worm genes.

The lists have the official symbols (HGNC, MGI) of the about 2,000 genes detected in the largest fraction of
the cells of several tissues.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from panscape.data.species import id_species, looks_like_worm

FOLDER = Path(__file__).parents[1] / "lexicon"
LISTED = {"human": "human", "mouse": "mouse", "rat": "mouse"}  # species -> list; rat shares mouse's symbols
SPECIES = ("human", "mouse", "worm")  # that names are compared with to recognise another one
CLEAR = 0.1  # known share of a species' genes, also of a few hundred variable ones; of other names under 0.01


@cache
def common_symbols(species: str) -> frozenset[str]:
    """Return the symbols of about 2,000 widely expressed genes of a species; none if there is no list."""
    if species not in LISTED:
        return frozenset()
    return frozenset((FOLDER / f"{LISTED[species]}.txt").read_text(encoding="utf-8").split())


def known_share(names: Iterable[str], species: str) -> float:
    """Return how many names are known genes of a species, as a fraction.

    Of symbols, it is the fraction of the names that are in the list of the species, or of the list that is
    among the names, whichever is larger: a panel is small, a genome is more than the list. Ids of Ensembl,
    WormBase and FlyBase count by their prefix, worm genes by their form.

    Parameters
    ----------
    names
        Names of genes.
    species
        The species.

    Returns
    -------
    A fraction in [0, 1], or NaN if nothing is known of the species.

    Examples
    --------
    >>> known_share(["ACTB", "GAPDH", "C1_1", "C1_2"], "human"), known_share(["P1", "P2"], "human")
    (0.5, 0.0)
    """
    names = [str(name) for name in names]
    if not names:
        return float("nan")
    ids = [id_species(name) for name in names]
    if sum(kind is not None for kind in ids) > len(names) / 2:
        return sum(kind == species for kind in ids) / len(names)
    if species == "worm":
        return sum(map(looks_like_worm, names)) / len(names)
    listed = common_symbols(species)
    if not listed:
        return float("nan")
    hits = len(listed & set(names))
    return max(hits / len(names), hits / len(listed))


def recognised(names: Iterable[str]) -> str | None:
    """Return the species whose genes the names are, None if they are those of none of :data:`SPECIES`.

    Examples
    --------
    >>> recognised(["Actb", "Gapdh", "Eef1a1"]), recognised(["unc-119", "ceh-36"]), recognised(["c1"])
    ('mouse', 'worm', None)
    """
    names = list(names)
    shares = {species: known_share(names, species) for species in SPECIES}
    best = max(shares, key=lambda species: shares[species]) if names else None
    return best if best and shares[best] >= CLEAR else None
