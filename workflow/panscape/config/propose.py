"""Propose a configuration from files: formats, counts, species, orientation, and the roles of annotations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.config.propose_open import divided, opened
from panscape.data.ages import proposal
from panscape.data.known_genes import recognised
from panscape.data.labels import hyphenated
from panscape.data.readers.features import looks_like_peaks
from panscape.data.readers.genes import looks_like_ensembl, written_names
from panscape.data.readers.source import Source
from panscape.data.roles import ROLES, plain, taken
from panscape.data.species import naming
from panscape.data.text import as_yaml
from panscape.errors import UserError

SYMBOLS = (
    "feature_name",
    "gene_symbols",
    "gene_symbol",
    "symbol",
    "gene_name",
    "gene_names",
    "gene_short_name",
    "Gene",
)
MOST_CLASSES = 200  # a label has at most so many classes; barcodes and free text have more


def propose(files: Sequence[str | Path], collection: str) -> str:
    """Return the text of a configuration for files, with remarks on what was seen and what to decide.

    Parameters
    ----------
    files
        Files or folders of counts, one per study.
    collection
        Name of the collection.

    Returns
    -------
    YAML. A file that cannot be read becomes a comment with its problem.
    """
    lines = [f"# Proposed from {len(files)} files: check each line, then run snakemake -n --configfile FILE"]
    lines += [f"collection: {_slug(collection)}", "studies:"]
    taken: set[str] = set()
    found: list[dict[str, Any]] = []
    for file in files:
        name = _unique(_slug(Path(str(file)).name.split(".")[0]), taken)
        try:
            entries, remarks = study(str(file), name)
        except UserError as error:
            lines += [f"  # {file}: {problem.what} -> {problem.fix}" for problem in error.problems]
            continue
        if len(entries) > 1:
            entries = [entry | {"id": _unique(entry["id"], taken)} for entry in entries]
        found += entries
        lines += [f"  # {remark}" for remark in remarks]
        lines += [f"  - {_flow(entry)}" for entry in entries]
    if not found:
        lines[2] = "studies: []  # none of the files can be read"
    arranged = [entry for entry in found if "use" not in entry]
    if arranged and not any("age" in entry.get("obs", {}) for entry in arranged):
        lines.append("# no study has an age, so pseudotime has no root: name a cluster once there are some")
        lines.append("landscape: {root: none}")
    if len({entry["species"] for entry in arranged if "species" in entry}) > 1:
        lines.append("# studies of several species are compared on orthologues: give a table")
        lines.append("# orthologues: {tables: [TABLE]}")
    return "\n".join(lines) + "\n"


def study(path: str, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of a file, usually one, and remarks for its user.

    Parameters
    ----------
    path
        The file or folder.
    name
        Id of the study.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    entry: dict[str, Any] = {"id": name, "path": path}
    remarks: list[str] = []
    source = opened(entry, remarks)
    if looks_like_peaks(source.genes.index[:1000]).mean() > 0.5:
        entry |= {"use": ["metacells"], "atac": {"only": True}}
        remarks.append("the features are peaks: with genes of the same cells write atac: {path: ...} there")
    else:
        _genes(entry, source, remarks)
    cells, genes = source.shape
    some = ", ".join(source.genes.index[:3])
    head = f"{name}: {cells:,} cells x {genes:,} genes ({source.format}), e.g. {some}"
    _annotations(entry, source, remarks)
    return divided(entry, source, remarks), [head, *remarks]


def _genes(entry: dict[str, Any], source: Source, remarks: list[str]) -> None:
    """Add the column of symbols and the species."""
    if looks_like_ensembl(source.genes.index):
        column = next((name for name in SYMBOLS if name in source.genes), None)
        if column:
            entry["genes"] = {**entry.get("genes", {}), "column": column}
        else:
            remarks.append("genes are ids: genes: {mapping: TABLE} gives them symbols")
    names = [name for name in written_names(entry, source, entry["id"]) if name]
    species = naming(names).species or recognised(names)
    if species:
        entry["species"] = species
    else:
        remarks.append("the species is not clear from the names: write species")


def _annotations(entry: dict[str, Any], source: Source, remarks: list[str]) -> None:
    """Add the columns whose names and values fit a role."""
    table = source.obs
    forms: dict[str, str] = {}
    for name in table:
        forms.setdefault(plain(name), str(name))
    found: dict[str, Any] = {}
    aged = [table[forms[name]] for name in ROLES["age"] if name in forms]
    numeric_age = any(map(pd.api.types.is_numeric_dtype, aged))
    for role, names in ROLES.items():
        for name in names:
            column = forms.get(name)
            if column is None or column in [value for value in found.values() if isinstance(value, str)]:
                continue
            values = table[column].dropna()
            if role == "age":
                if not pd.api.types.is_numeric_dtype(values) and numeric_age:
                    continue
                mapped = _age(column, values, entry, remarks)
            else:
                mapped = column if 0 < values.nunique() <= MOST_CLASSES else None
            if mapped is not None:
                found[role] = mapped
                break
    if found:
        entry["obs"] = found
    used = set(taken(found).values())
    others = [str(name) for name in table if str(name) not in used]
    if others:
        remarks.append(f"other columns: {', '.join(others[:12])}{' ...' if len(others) > 12 else ''}")


def _age(column: str, values: pd.Series, entry: Mapping[str, Any], remarks: list[str]) -> Any:
    """Return the entry of an age, None if the values are no ages."""
    import yaml

    if pd.api.types.is_numeric_dtype(values):
        units = ("days", "years", "hours", "weeks", "months")
        unit = next((unit for unit in units if unit[:-1] in column.lower()), None)
        unit = "hours" if unit is None and column.lower().endswith("_h") else unit
        if unit is None:
            remarks.append(
                f"the unit of {column} is not clear: write unit: days or the like, for all studies alike"
            )
        return {"column": column} | ({"unit": unit} if unit else {})
    texts = sorted(set(values.astype(str)))
    proposed = proposal(texts, entry.get("species")) if len(texts) <= MOST_CLASSES else ""
    if not proposed:
        return None
    settings, _, note = proposed.partition("} (")
    remarks += [f"ages of {column}: {note.removesuffix(')')}"] if note else []
    return {"column": column, **yaml.safe_load("{" + settings.removesuffix("}") + "}}")}


def _slug(text: str) -> str:
    """Return a text as an id: letters, digits and hyphens."""
    return hyphenated(text)[:60] or "study"


def _unique(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, also not in other capitals, and take it."""
    number, result = 1, name
    while result.lower() in taken:
        number += 1
        result = f"{name}-{number}"
    taken.add(result.lower())
    return result


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_yaml(str(key))}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return as_yaml(value) if isinstance(value, str) else json.dumps(value)
