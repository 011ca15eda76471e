"""Checks of the landscape's root before the clusters exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from panscape.config import studies as inputs
from panscape.coscape.panclust.cluster_size import MAX_CELLS, STUDY_CELLS
from panscape.data.files import read_tsv
from panscape.errors import Problem, nearest

WORDS = ("lowest-age", "none")
PART = re.compile(r"(?:r(?P<resolution>[^-]+)|ward)-l(?P<level>\d+)-c(?P<place>\d+)\Z")
HOW = "clusters are named in panclust/<study>/clusters.tsv"


def owners(config: Mapping[str, Any], studies: list[str]) -> list[str]:
    """Return the studies that a root given by name may belong to (ids may share a prefix)."""
    name = config.get("landscape", {}).get("root")
    if name is None or name in WORDS:
        return []
    return [study for study in studies if name.startswith(f"{study}-")]


def root_studies(config: Mapping[str, Any]) -> list[str]:
    """Return the studies whose clusters are needed to look up the root; none if it is not a name."""
    return owners(config, inputs.used_by(config, "landscape"))


def form(config: Mapping[str, Any], studies: list[str]) -> Iterator[Problem]:
    """Yield the problem of a root that cannot be a cluster with these settings.

    Parameters
    ----------
    config
        The valid part of the completed configuration.
    studies
        Ids of the studies in the landscape.
    """
    name = config.get("landscape", {}).get("root")
    if name is None or name in WORDS or not studies:
        return
    named = owners(config, studies)
    if not named:
        guess = nearest(name, WORDS)
        advice = f"did you mean {guess!r}? " if guess else ""
        advice += f"write lowest-age, none, {studies[0]}-all or the name of another cluster ({HOW})"
        yield Problem(
            "landscape.root", f"{name!r} is not a cluster of any study ({', '.join(studies)})", advice
        )
        return
    faults = []
    for study in named:
        fault = _fault(name.removeprefix(f"{study}-"), study, config["panclust"])
        if fault is None:
            return
        faults.append(fault)
    what, advice = faults[0]
    yield Problem("landscape.root", f"{name!r}: {what}", advice)


def _fault(part: str, study: str, settings: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the problem of a cluster's name (without its study's id) and the advice, or None."""
    if part == "all":
        return None
    match = PART.match(part)
    ward = settings["algorithm"] == "ward"
    known = ["ward"] if ward else [f"r{value:g}" for value in sorted(settings["resolutions"])]
    if match and (match["resolution"] is None) == ward and part.split("-")[0] in known:
        return None
    likely = f"{study}-{known[-1]}-l0-c0"
    if match and match["resolution"] and not ward:
        try:
            same = f"r{float(match['resolution']):g}"
        except ValueError:
            same = ""
        if same in known:
            right = f"{study}-{same}-l{match['level']}-c{match['place']}"
            return f"resolutions are written without trailing zeros ({same})", f"did you mean {right!r}?"
        listed = ", ".join(name.removeprefix("r") for name in known)
        return f"panclust.resolutions are {listed}", f"write a name such as {likely}, or {study}-all ({HOW})"
    what = "is not the name of a cluster"
    return what, f"write {study}-all or a name such as {likely} ({HOW})"


def place(config: Mapping[str, Any], cells: Mapping[str, int]) -> Iterator[Problem]:
    """Yield the problem of a root whose number exceeds the possible clusters of the study.

    Parameters
    ----------
    config
        Complete configuration whose root has the form of a cluster name.
    cells
        Number of cells of each study before quality control, if known.
    """
    name = config["landscape"]["root"]
    limits = []
    for study in root_studies(config):
        match = PART.match(name.removeprefix(f"{study}-"))
        if not match or study not in cells:
            return
        asked = inputs.panclust(config, study)["min_cells"]
        # quality control may leave fewer cells, for which `auto` allows smaller clusters
        most = max(STUDY_CELLS, cells[study] // MAX_CELLS) if asked == "auto" else cells[study] // asked
        if int(match["place"]) < most:
            return
        limits.append((study, most))
    for study, most in limits:
        what = f"{name!r}: {cells[study]} cells make at most {most} clusters of a level, c0 to c{most - 1}"
        yield Problem("landscape.root", what, HOW)


def doubtful(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning if an earlier run has no cluster of the root's name."""
    named = root_studies(config)
    name, there = config["landscape"]["root"], []
    for study in named:
        path = Path("results", config["collection"], "panclust", study, "clusters.tsv")
        if not path.is_file():
            return
        table = read_tsv(path, dtype=str).fillna("")
        there += table["cluster"].tolist()
        there += [
            f"{study}-{part}" for names in table.get("duplicates", ()) for part in names.split(";") if part
        ]
    if named and name not in there:
        guess = nearest(name, there)
        yield f"landscape.root: the clusters of an earlier run do not include {name!r}" + (
            f"; did you mean {guess!r}?" if guess else ""
        )
