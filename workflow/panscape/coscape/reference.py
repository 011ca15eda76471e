"""Files and settings of a finished collection used as reference for projections.

All files are read only: they are inputs of rules, and no rule creates files of another collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.landscape.settings import CORRECTED
from panscape.errors import Problem, UserError, fail

DICTIONARY = "dictionary/dictionary.h5ad"
LANDSCAPE = "landscape/landscape.h5ad"
GENES = "preprocess/genes.tsv"
SIGNAL_PAIRS = "coexpression/signal_pairs.tsv"
ONCE = (DICTIONARY, LANDSCAPE, GENES)
PROGRAMS = {
    "membership": "programs/membership.tsv.gz",
    "genes": "programs/genes.tsv",
    "programs": "programs/programs.tsv",
}
PER_STUDY = {
    "clusters": "panclust/{study}/clusters.tsv",
    "matrices": "coexpression/{study}/matrices.npz",
    "pairs": "coexpression/{study}/pairs.tsv",
}
SCORED = {  # with the corrected distance
    "members": "panclust/{study}/members.npz",
    "scores": "coexpression/{study}/scores.npz",
}
KEY = "collection"  # key in `uns` of the dictionary: settings as JSON
FORMAT = 2  # version of the JSON; since 2 a cell is not counted among its neighbors
WHERE = "project.reference"
_AGAIN = "run `snakemake dictionary` with the configuration of the reference"


def programs(folder: str | Path | None) -> dict[str, str]:
    """Return name -> path of the tables of a finished collection's programmes; empty if it has none."""
    paths = {name: Path(folder, path) for name, path in PROGRAMS.items()} if folder else {}
    return {name: str(path) for name, path in paths.items()} if all(map(Path.exists, paths.values())) else {}


def describe(config: Mapping[str, Any], studies: list[str]) -> dict[str, Any]:
    """Return the studies and settings of a collection needed for projections."""
    sections = {name: config[name] for name in ("panclust", "dictionary")}
    # the corrected estimator depends on it, too
    estimated = {**config["coexpression"], "min_expected": config["landscape"]["min_expected"]}
    return {
        "format": FORMAT,
        **{name: config[name] for name in ("collection", "species", "age_unit")},
        "studies": studies,
        "normalisation": config["preprocess"]["normalisation"],
        "coexpression": estimated,
        **sections,
    }


def settings(folder: str | Path) -> dict[str, Any]:
    """Return the studies and settings of the collection in a folder, see :func:`describe`.

    Raises
    ------
    UserError
        If its dictionary is missing, not an HDF5 file, or from a version that did not save the settings.
    """
    import h5py

    path = Path(folder, DICTIONARY)
    if not path.is_file():
        raise fail(WHERE, f"{path} does not exist", _AGAIN)
    try:
        with h5py.File(path) as file:
            text = file[f"uns/{KEY}"][()] if f"uns/{KEY}" in file else None
    except OSError as error:
        raise fail(WHERE, f"{path} cannot be read ({error})", _AGAIN) from error
    if text is None:
        raise fail(
            WHERE, f"{path} does not contain the settings it was created with", f"{_AGAIN} and this version"
        )
    return saved_settings(text)


def saved_settings(text: str | bytes) -> dict[str, Any]:
    """Return the settings of :func:`describe` from JSON, under the keys of this version.

    Before format 2 a cell was counted among its neighbors.
    """
    saved = json.loads(text)
    if saved.get("format", 1) >= FORMAT:
        return saved
    renamed = DictionarySettings.RENAMED
    dictionary = {
        renamed[key].name if key in renamed else key: value for key, value in saved["dictionary"].items()
    }
    panclust = {**saved["panclust"]}
    if "n_neighbors" in panclust:
        panclust["n_neighbors"] -= 1
    return {**saved, "format": FORMAT, "panclust": panclust, "dictionary": dictionary}


def corrected(folder: str | Path) -> bool:
    """Return whether the landscape of the collection in a folder has the corrected distance.

    False without a landscape, which :func:`problems` reports.
    """
    import h5py

    path = Path(folder, LANDSCAPE)
    if not path.is_file():
        return False
    try:
        with h5py.File(path) as file:
            known = file["uns/parameters/distance"][()] if "uns/parameters/distance" in file else b""
    except OSError as error:
        raise fail(WHERE, f"{path} cannot be read ({error})", _AGAIN) from error
    return known in (CORRECTED, CORRECTED.encode())


def by_kind(folder: str | Path) -> dict[str, list[Path]]:
    """Return the files of each kind of :data:`PER_STUDY`, in the order of the reference's studies.

    With the corrected distance, those of :data:`SCORED`, too.
    """
    names = settings(folder)["studies"]
    kinds = PER_STUDY | SCORED if corrected(folder) else PER_STUDY
    return {
        kind: [Path(folder, pattern.format(study=name)) for name in names] for kind, pattern in kinds.items()
    }


def files(folder: str | Path | None) -> list[str]:
    """Return all files that a projection onto ``results/<collection>`` reads; none without a folder."""
    if not folder:
        return []
    rest = [path for paths in by_kind(folder).values() for path in paths]
    return [str(path) for path in [*(Path(folder, name) for name in once(folder)), *rest]]


def once(folder: str | Path) -> tuple[str, ...]:
    """Return the files of the collection as a whole that a projection reads."""
    return (*ONCE, SIGNAL_PAIRS) if corrected(folder) else ONCE


def problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of ``project.reference`` before the first job."""
    folder = config["project"]["reference"]
    if not folder or not Path(folder).is_dir():
        return  # missing folders are reported with the other paths
    if Path(folder).resolve() == Path("results", config["collection"]).resolve():
        advice = "give the new studies another name of `collection`"
        yield Problem(WHERE, f"{folder} is this collection itself", advice)
        return
    try:
        whole = once(folder)
    except UserError as error:
        yield from error.problems
        return
    lacking = [name for name in whole if not Path(folder, name).is_file()]
    if lacking:
        yield Problem(WHERE, f"{folder} lacks {', '.join(lacking)}", _AGAIN)
    if DICTIONARY in lacking:
        return
    try:
        known = settings(folder)
    except UserError as error:
        yield from error.problems
        return
    gone = [path for path in files(folder) if not Path(path).is_file()]
    gone = [path for path in gone if str(Path(path).relative_to(folder)) not in whole]
    if gone:
        yield Problem(WHERE, f"lacks {', '.join(gone)}", _AGAIN)
    if known["species"] != config["species"]:
        problem = f"is {config['species']}, the reference's studies are {known['species']}"
        advice = f"write species: {known['species']}, or take another reference; "
        advice += "studies of another species name it in studies[].species, with orthologues.tables"
        yield Problem("species", problem, advice)
    units = (known["age_unit"], config["age_unit"])
    if None not in units and units[0] != units[1]:
        problem = f"is {units[1]}, the reference's ages are in {units[0]}"
        yield Problem("age_unit", problem, f"write age_unit: {units[0]}")
