"""Settings without which a file cannot be opened, found by trying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from panscape.data.known_genes import recognised
from panscape.data.labels import class_name
from panscape.data.readers.barcodes import selection_of_one
from panscape.data.readers.gene_names import of_splicing, repaired
from panscape.data.readers.genome import genomes, require_one_genome
from panscape.data.readers.integers import check_counts, check_logged, check_roundable
from panscape.data.readers.layouts import matrices_inside
from panscape.data.readers.open import open_source
from panscape.data.readers.source import Source
from panscape.data.readers.study import Refused
from panscape.errors import UserError

SAMPLES = 20  # studies that one file is divided into at most


def opened(entry: dict[str, Any], remarks: list[str]) -> Source:
    """Return the open file of a study, and add to its entry what has to be set for that.

    Parameters
    ----------
    entry
        `id` and `path` of the study; orientation, path of the matrix inside, genome, splicing and the matrix
        of counts are added.
    remarks
        Remarks for the user are appended.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    path = Path(entry["path"])
    if path.is_dir() and not any(path.glob("*.mtx*")) and (inner := matrices_inside(path)):
        entry["path"] = str(inner[0])
        others = f"; others: {', '.join(map(str, inner[1:4]))}" if inner[1:] else ""
        remarks.append(f"the matrix is in {inner[0]}{others}")
    try:
        source = _open(entry)
    except UserError as error:
        if not any(".orientation" in problem.where for problem in error.problems):
            raise
        entry["orientation"] = "genes-by-cells"
        remarks.append("the columns are named as cells")
        source = _open(entry)
    if source.format in ("csv", "tsv") and (species := recognised(source.cells[:2000])):
        entry["orientation"] = "genes-by-cells"
        remarks.append(f"the rows are genes of {species}")
        source = _open(entry)
    source = _of_counts(entry, source, remarks)
    return _of_one_genome(entry, source, remarks)


def _open(entry: dict[str, Any]) -> Source:
    """Return the open file; cells of the same name are seen to later (:func:`divided`)."""
    return open_source({**entry, "keep": "later"}, where=entry["id"])


def _of_counts(entry: dict[str, Any], source: Source, remarks: list[str]) -> Source:
    """Return the source with counts: the matrix itself, else another one of the file."""
    for counts in ("X", *source.alternatives):
        asked = {**entry, "counts": counts} if counts != "X" else entry
        try:
            other = source if counts == "X" else _open(asked)
            check_counts(other.sample(), entry["id"])
        except UserError:
            continue
        entry.update(asked)
        return other
    try:
        check_counts(source.sample(), entry["id"])
    except UserError as error:
        if "values: rounded" in error.problems[0].fix:
            check_roundable(source.sample(), entry["id"])
            entry["values"] = "rounded"
            remarks.append("expected counts are rounded; if these are normalised values, find the counts")
            return source
    check_logged(source.sample(), entry["id"])
    entry |= {"values": "log", "use": ["sivae"]}
    remarks.append(
        "no matrix of counts was found: find it; logarithms serve siVAE only, which needs obs.line"
    )
    return source


def _of_one_genome(entry: dict[str, Any], source: Source, remarks: list[str]) -> Source:
    """Return the source with the genes of one genome and the counts of spliced molecules."""
    settings: dict[str, Any] = {}
    try:
        require_one_genome(source.genes)
    except Refused as error:
        found = genomes(source.genes)
        assert found is not None
        settings["genome"] = str(found.value_counts().sort_index().idxmax())
        remarks.append(f"{error}; the others are left out")
    try:
        of_splicing(repaired(source.genes.index.to_series(), entry, entry["id"]), None)
    except Refused as error:
        settings["splicing"] = ["spliced", "ambiguous"]
        remarks.append(f"{error}; for nuclei add unspliced")
    if not settings:
        return source
    entry["genes"] = settings
    return _open(entry)


def divided(entry: dict[str, Any], source: Source, remarks: list[str]) -> list[dict[str, Any]]:
    """Return the entry, or one per sample if samples of one file have cells of the same name.

    Parameters
    ----------
    entry, source, remarks
        As for :func:`opened`, complete.
    """
    if source.cells.is_unique:
        return [entry]
    choice = selection_of_one(source.cells, source.obs)
    if choice is None or source.obs[choice[0]].nunique() > SAMPLES:
        remarks.append("barcodes occur more than once: make them unique, or choose cells by keep")
        return [entry]
    name, expression = choice
    remarks.append(f"barcodes occur more than once: a study for each {name}")
    head, first = expression.rpartition(" == ")[::2]
    quote = "'" if first.startswith("'") else ""
    values = sorted(map(class_name, source.obs[name].unique()))
    return [
        {**entry, "id": f"{entry['id']}-{at}", "keep": f"{head} == {quote}{value}{quote}"}
        for at, value in enumerate(values, 1)
    ]
