"""What was understood of a study's files: one line per study, and what looks unintended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.known_genes import CLEAR, known_share, recognised
from panscape.data.readers.genes import GeneMap
from panscape.data.readers.metadata import cell_table
from panscape.data.readers.source import Source
from panscape.preprocess.measures import sample_cells
from panscape.preprocess.patterns import gene_group, pattern

VALUES = 300_000  # values that are read for the quantiles
SHOWN = 12  # classes of a label that are named


@dataclass(frozen=True)
class Understood:
    """What was understood of a study.

    Attributes
    ----------
    study, format, species
        Id, format of the file and species.
    n_cells, n_kept, n_genes
        Cells of the file, those that `keep` selects, and genes.
    genes
        Three names.
    known
        Fraction of names that are known genes of the species (:func:`known_share`); NaN if nothing is known
        of it, and for simulated studies.
    n_mito
        Mitochondrial genes found.
    counts, detected
        The 10 %, 50 % and 90 % quantiles of counts and detected genes per cell, of a sample; NaN if the file
        is large and stored by gene.
    in_sheet
        Fraction of cells that the metadata sheet names; NaN without one.
    labels
        Classes of each mapped label that is not a number.
    ages
        Lowest and highest age in the unit of the collection, NaN without ages.
    """

    study: str
    format: str
    species: str
    n_cells: int
    n_kept: int
    n_genes: int
    genes: tuple[str, ...]
    known: float
    n_mito: int
    counts: tuple[float, float, float]
    detected: tuple[float, float, float]
    in_sheet: float
    labels: Mapping[str, tuple[str, ...]]
    ages: tuple[float, float]

    def row(self) -> dict[str, Any]:
        """Return the values as a row of a table; quantiles and ages in columns of their own."""
        values = asdict(self)
        labels = values.pop("labels")
        for name in ("counts", "detected"):
            values |= dict(zip((f"{name}_{q}" for q in (10, 50, 90)), values.pop(name), strict=True))
        values["age_low"], values["age_high"] = values.pop("ages")
        values["genes"] = ", ".join(values["genes"])
        values["labels"] = "; ".join(f"{name}: {_classes(known)}" for name, known in labels.items())
        return values


def understand(
    study: Mapping[str, Any],
    source: Source,
    where: str,
    *,
    species: str,
    genes: GeneMap,
    obs: pd.DataFrame,
    kept: np.ndarray | None,
) -> Understood:
    """Return what was understood of a study, from its header, annotations and a sample of its cells.

    Parameters
    ----------
    study, source, where
        One item of the configuration's ``studies`` with its `path`, the open file, and the key for messages.
    species
        Species of the study.
    genes
        Genes of the file under the study's own names.
    obs
        From :func:`panscape.data.readers.metadata.read_metadata`.
    kept
        Mask of the cells that `keep` selects; None: all.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    in_sheet = cell_table(dict(study), source, where).attrs.get("in_sheet", float("nan"))
    kept = np.ones(len(obs), dtype=bool) if kept is None else kept
    weights = np.ones((len(genes.names), 1))
    _, sums, detected = sample_cells(
        source, genes, kept, weights, values=VALUES, logged=study.get("values") == "log"
    )
    ages = obs["age"][kept].dropna() if "age" in obs else pd.Series(dtype=float)
    return Understood(
        study=study["id"],
        format=source.format,
        species=species,
        n_cells=len(obs),
        n_kept=int(kept.sum()),
        n_genes=len(genes.names),
        genes=tuple(genes.names[:3]),
        known=float("nan") if study.get("simulated") else known_share(genes.names, species),
        n_mito=int(gene_group(genes.names, pattern("mitochondrial", species)).sum()),
        counts=_quantiles(sums[:, 0]),
        detected=_quantiles(detected),
        in_sheet=in_sheet,
        labels={
            name: tuple(sorted(map(str, obs[name][kept].dropna().unique())))
            for name in obs
            if not pd.api.types.is_numeric_dtype(obs[name])
        },
        ages=(float(ages.min()), float(ages.max())) if len(ages) else (float("nan"), float("nan")),
    )


def _quantiles(values: np.ndarray) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return float(low), float(middle), float(high)


def _classes(known: Sequence[str]) -> str:
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return ", ".join(known[:SHOWN]) + more


def doubts(seen: Sequence[Understood]) -> Iterator[str]:
    """Yield warnings of what was probably not intended, with what to write instead.

    Parameters
    ----------
    seen
        All studies of a collection.
    """
    for item in seen:
        if item.known < CLEAR / 10 and item.n_genes >= 30:
            yield (
                f"{item.study}: none or few of its {item.n_genes} genes ({', '.join(item.genes)}, ...) are "
                f"known genes of {item.species}: check species, orientation, genes.column and genes.mapping"
            )
        if item.in_sheet < 0.5:
            yield (
                f"{item.study}: only {item.in_sheet:.0%} of its cells are in the metadata sheet: check that "
                "it is of this sample, and metadata.strip, prefix and suffix"
            )
    yield from _alike(seen)
    yield from _ages(seen)


def _alike(seen: Sequence[Understood]) -> Iterator[str]:
    """Yield warnings of classes that differ in capitals, punctuation or a plural only."""
    for name in sorted({name for item in seen for name in item.labels}):
        written: dict[str, dict[str, str]] = {}
        for item in seen:
            for label in item.labels.get(name, ()):
                written.setdefault(_spoken(label), {}).setdefault(label, item.study)
        for kinds in written.values():
            if len(kinds) > 1:
                told = " and ".join(f"{label!r} ({study})" for label, study in kinds.items())
                first, *others = kinds
                pairs = ", ".join(f"{other!r}: {first!r}" for other in others)
                yield f"obs.{name}: {told} are different classes; if not, write values: {{{pairs}}}"


def _spoken(label: str) -> str:
    """Return a label without capitals, punctuation and plural; CD4+ and CD4- differ."""
    return re.sub(r"(?!\+|-(?!\w))[\W_]", "", label.lower()).removesuffix("s")


def _ages(seen: Sequence[Understood]) -> Iterator[str]:
    """Yield a warning of ages of which one study's are ten times those of another: probably two units."""
    aged = [item for item in seen if item.ages[1] > 0]
    if len(aged) < 2:
        return
    young, old = min(aged, key=lambda item: item.ages[1]), max(aged, key=lambda item: item.ages[0])
    if old.ages[0] > 10 * young.ages[1]:
        yield (
            f"obs.age: {young.study} has ages up to {young.ages[1]:g}, {old.study} from {old.ages[0]:g} on: "
            "if these are two units, write that of each study, e.g. age: {column: ..., unit: hours}"
        )


def transposed(item: Understood, cells: Sequence[str]) -> str | None:
    """Return the species whose genes the cells are named as, where the genes are not; None as it should be.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> transposed(SimpleNamespace(known=0.0), ["ACTB", "GAPDH", "EEF1A1"])
    'human'
    """
    species = recognised(cells) if item.known < CLEAR / 10 or np.isnan(item.known) else None
    return None if species == "worm" else species  # names of cells such as plate-1 have the form of its genes


def as_text(seen: Sequence[Understood]) -> str:
    """Return a table with one line per study, and the classes of labels side by side."""
    table = pd.DataFrame(
        {
            "study": item.study,
            "format": item.format,
            "cells": f"{item.n_kept:,}" + (f" of {item.n_cells:,}" if item.n_kept < item.n_cells else ""),
            "genes": f"{item.n_genes:,}",
            "named": ", ".join(item.genes),
            "known": "-" if np.isnan(item.known) else f"{item.known:.0%} {item.species}",
            "mito": str(item.n_mito),
            "counts a cell": _between(item.counts),
            "genes a cell": _between(item.detected),
            "in sheet": "-" if np.isnan(item.in_sheet) else f"{item.in_sheet:.0%}",
            "age": "-" if np.isnan(item.ages[0]) else f"{item.ages[0]:g} to {item.ages[1]:g}",
        }
        for item in seen
    )
    rows = [list(table.columns), *table.to_numpy().tolist()]
    width = [max(len(row[at]) for row in rows) for at in range(table.shape[1])]
    lines = [
        "  ".join(cell.ljust(size) for cell, size in zip(row, width, strict=True)).rstrip() for row in rows
    ]
    for name in sorted({name for item in seen for name in item.labels}):
        of = [f"{item.study}: {_classes(item.labels[name])}" for item in seen if item.labels.get(name)]
        lines.append(f"{name}:  " + ";  ".join(of))
    return "\n".join(["Understood (quantiles 10, 50 and 90 % of a sample):", *lines])


def _between(values: tuple[float, float, float]) -> str:
    return "-" if np.isnan(values[1]) else f"{values[1]:,.0f} ({values[0]:,.0f} to {values[2]:,.0f})"
