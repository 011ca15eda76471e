"""Sketches of studies, by which a model knows those it was trained on, whatever they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from panscape.unicoord.cells import Cells

SIZE = 64  # hashes of a sketch
SAME = 0.5  # fraction of shared cells from which two studies are the same


def sketches(cells: Cells) -> dict[str, list[str]]:
    """Return study -> the smallest hashes of its cells' names and depths; empty without a column `study`.

    Parameters
    ----------
    cells
        Cells with `study`, and `barcode` if their names were changed.
    """
    if "study" not in cells.obs:
        return {}
    names = cells.obs.get("barcode", cells.obs.index)
    studies = cells.obs["study"].astype(str).to_numpy()
    hashes: dict[str, list[str]] = {}
    for study, name, total in zip(studies, names, cells.totals, strict=True):
        text = f"{name}\t{total:.6g}".encode()
        hashes.setdefault(study, []).append(hashlib.blake2b(text, digest_size=8).hexdigest())
    return {study: sorted(set(values))[:SIZE] for study, values in hashes.items()}


def shared(one: Iterable[str], other: Iterable[str]) -> float:
    """Return the fraction of two studies' cells that both have, estimated from their sketches (MinHash).

    Examples
    --------
    >>> shared(["a", "b", "c"], ["b", "c", "d"])
    0.5
    """
    first, second = set(one), set(other)
    smallest = sorted(first | second)
    if max(len(first), len(second)) >= SIZE:  # there are more cells: only the smallest hashes are comparable
        smallest = smallest[:SIZE]
    return len(first & second & set(smallest)) / len(smallest) if smallest else 0.0


def trained_on(card: Mapping, cells: Cells) -> dict[str, str]:
    """Return study -> name, at the time, of a study of the model's training that has the same cells.

    Parameters
    ----------
    card
        The model's card; those of earlier versions have no sketches, and nothing is found.
    cells
        Cells of new studies.
    """
    known = card.get("studies", {})
    return {
        study: name
        for study, values in sketches(cells).items()
        for name, others in known.items()
        if shared(values, others) >= SAME
    }
