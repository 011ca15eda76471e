"""What was understood of a study's files: one line per study, and what looks unintended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.known_genes import CLEAR, known_share, recognised
from panscape.data.labels import class_name
from panscape.data.readers.genes import GeneMap
from panscape.data.readers.metadata import cell_table
from panscape.data.readers.source import Source
from panscape.data.roles import not_taken, taken
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
    unit
        That unit; "" if none is given.
    roles
        Column (or constant) that each annotation is taken from.
    not_taken
        Role of each column of the file that has the name of one which no annotation takes.
    left_out
        Numbers of features that are not genes, by type.
    flags
        Values of annotations that are 0 and 1 only.
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
    unit: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    not_taken: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the values as a row of a table; quantiles and ages in columns of their own."""
        values = asdict(self)
        labels = values.pop("labels")
        del values["flags"]
        for name in ("roles", "not_taken", "left_out"):
            values[name] = _pairs(values[name])
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
    age_unit: str | None = None,
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
    age_unit
        Unit of the collection's ages.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    table = cell_table(dict(study), source, where)
    roles = taken(study.get("obs") or {})
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
        in_sheet=table.attrs.get("in_sheet", float("nan")),
        labels={
            name: tuple(sorted(map(str, obs[name][kept].dropna().unique())))
            for name in obs
            if not pd.api.types.is_numeric_dtype(obs[name])
        },
        ages=(float(ages.min()), float(ages.max())) if len(ages) else (float("nan"), float("nan")),
        unit=age_unit or "",
        roles=roles,
        not_taken=not_taken(table, roles),
        left_out=source.left_out,
        flags={
            name: tuple(sorted(map(class_name, found)))
            for name in obs
            if name != "age"
            and (found := set(obs[name][kept].dropna().unique())) <= {0, 1, "0", "1"}
            and found
        },
    )


def _quantiles(values: np.ndarray) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return float(low), float(middle), float(high)


def _classes(known: Sequence[str]) -> str:
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return ", ".join(known[:SHOWN]) + more


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
    """Return a table with one line per study, labels side by side, and what of the files is taken as what."""
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
            "age": "-" if np.isnan(item.ages[0]) else f"{item.ages[0]:g} to {item.ages[1]:g} {item.unit}",
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
    for title, pairs in (
        ("taken", lambda item: _pairs(item.roles, " from ")),
        ("not taken", lambda item: _pairs(item.not_taken, " as ")),
        ("left out", lambda item: ", ".join(f"{number:,} {kind}" for kind, number in item.left_out.items())),
    ):
        of = [f"{item.study}: {text}" for item in seen if (text := pairs(item))]
        lines += [f"{title}:  " + ";  ".join(of)] if of else []
    return "\n".join(["Understood (quantiles 10, 50 and 90 % of a sample):", *lines])


def _pairs(values: Mapping[str, Any], between: str = ": ") -> str:
    return ", ".join(
        str(name) if name == value else f"{name}{between}{value}" for name, value in values.items()
    )


def _between(values: tuple[float, float, float]) -> str:
    return "-" if np.isnan(values[1]) else f"{values[1]:,.0f} ({values[0]:,.0f} to {values[2]:,.0f})"
