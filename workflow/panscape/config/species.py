"""Species of the studies: names, orthologues, and studies whose species differ without saying so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from panscape.data.species import Naming, canonical, declared, differ, misspelt
from panscape.errors import Problem

if TYPE_CHECKING:
    from panscape.config.look import Seen

DEFAULT = "human"
LOW = 0.5  # fraction of mapped genes below which a table is probably the wrong one


def resolve(config: dict[str, Any]) -> Iterator[Problem]:
    """Replace the names of species by the canonical ones, and yield those that are misspelt.

    The reference species is `species`, else that of the first study, else human.

    Parameters
    ----------
    config
        Configuration with defaults; changed.
    """
    studies = [(at, study) for at, study in enumerate(config.get("studies", ())) if study]
    for at, study in studies:
        if name := study.get("species"):
            yield from filter(None, [misspelt(name, f"studies[{at}].species")])
            study["species"] = canonical(name)
    if "species" not in config:
        return
    if config["species"]:
        yield from filter(None, [misspelt(config["species"], "species")])
    first = studies[0][1].get("species") if studies and studies[0][0] == 0 else None
    config["species"] = canonical(config["species"] or first or DEFAULT)


def foreign(config: Mapping[str, Any], study: Mapping[str, Any]) -> bool:
    """Return whether a study is declared to be of another species than the collection.

    Examples
    --------
    >>> foreign({"species": "human"}, {"species": "mouse"}), foreign({"species": "human"}, {"species": None})
    (True, False)
    """
    return bool(study.get("species")) and study["species"] != config["species"]


def orthologues(config: Mapping[str, Any], study: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a study's orthologues, updated by its own; empty if it needs or has no table."""
    if not foreign(config, study):
        return {}
    own = (study.get("genes") or {}).get("orthologues") or {}
    settings = {**config.get("orthologues", {}), **own}
    return settings if settings.get("tables") else {}


def problems(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield studies of other species without orthologues, or whose data cannot be mapped.

    Parameters
    ----------
    config
        Complete configuration.
    studies
        Number and settings of the valid studies.
    """
    reference = config.get("species")
    for at, study in studies:
        if not reference or not foreign(config, study):
            continue
        where, name = f"studies[{at}].species", study["species"]
        what = f"is {name}, the collection's species is {reference}"
        if study.get("simulated") or study.get("metacells"):
            yield Problem(where, f"{what}, as are the genes of simulated studies and metacells", "remove it")
        elif "metacells" in study["use"]:
            advice = "group its cells in a collection of their own, and use its metacells.h5mu as a path here"
            yield Problem(where, f"{what}; peaks need genes and positions of one genome", advice)
        elif not orthologues(config, study):
            advice = f"write orthologues: {{tables: [FILE]}}, a table with the columns {reference} and {name}"
            yield Problem(where, f"{what}, and there is no table of orthologues", advice)


def undeclared(seen: Sequence[Seen], config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problem of studies that seem to be of different species and do not name theirs.

    Names that differ in capitals only would be merged by the spelling of one species, and genes with several
    orthologues lost. Studies that share an analysis are compared: what their names tell, or what is declared.

    Parameters
    ----------
    seen
        The readable studies.
    config
        Complete configuration.
    """
    by_name = {study["id"]: study for study in config["studies"]}
    known = [
        (one, by_name[one.name], _naming(one, by_name[one.name])) for one in seen if one.genes is not None
    ]
    for (one, first, left), (other, second, right) in combinations(known, 2):
        open_ = [
            study.where for study, settings in ((one, first), (other, second)) if not settings["species"]
        ]
        if not open_ or not set(first["use"]) & set(second["use"]) or not differ(left, right):
            continue
        what = f"{one.name} has {left}, {other.name} has {right}: names do not tell which genes are the same"
        advice = (
            f"write species in {' and '.join(open_)}; for another species than the collection's "
            f"({config['species']}) also orthologues.tables, see config/README.md"
        )
        yield Problem("studies[].species", what, advice)
        return


def contradicted(seen: Sequence[Seen], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield warnings of studies whose genes are those of another species than they are taken for.

    Parameters
    ----------
    seen, config
        As in :func:`undeclared`.
    """
    by_name = {study["id"]: study for study in config["studies"]}
    for one in seen:
        taken = by_name[one.name]["species"] or config["species"]
        told = one.naming.species
        if one.genes is not None and told and taken != "other" and told != taken:
            said = "declared" if by_name[one.name]["species"] else "taken"
            yield (
                f"{one.name}: genes are named as those of {told}, but the study is {said} as {taken}: write "
                f"species: {told} for the collection, or in {one.where} with a table of orthologues"
            )


def _naming(one: Seen, study: Mapping[str, Any]) -> Naming:
    return declared(study["species"]) if study["species"] else one.naming


def forecast(seen: Sequence[Seen], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield, for each study of another species, how many genes are mapped, summed and dropped.

    Parameters
    ----------
    seen, config
        As in :func:`undeclared`.
    """
    from panscape.data.readers.orthologues import sentence

    for one in seen:
        if one.mapping:
            few = one.mapping["mapped"] < LOW * one.mapping["genes"]
            yield sentence(one.mapping, config["species"]) + (
                "; fewer than half are mapped: see orthologues.tables" if few else ""
            )
    asked = config.get("orthologues", {}).get("tables")
    if asked and not any(foreign(config, study) for study in config["studies"]):
        yield f"orthologues.tables is not used: all studies are taken as {config['species']}"
