"""Limits of quality control."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from panscape.preprocess.limits import AUTO, lower_limit

LOWER = {"min_counts": "n_counts", "min_genes": "n_genes"}  # limits that may be "auto", and their measures


@dataclass(frozen=True)
class QcSettings:
    """Limits of quality control, in the order in which they are applied.

    Parameters
    ----------
    min_counts
        Minimum counts of a cell; ``"auto"`` uses :func:`lower_limit` of the study's cells.
    min_genes
        Minimum detected genes of a cell (Coscape paper: 500), or ``"auto"`` likewise.
    max_mito, max_ribo
        Maximum fraction (0 to 1) of mitochondrial or ribosomal counts of a cell.
    min_cells_per_gene
        Minimum number of remaining cells in which a gene is detected.
    mito_pattern, ribo_pattern
        Regular expressions on gene names; None uses those of the species.
    """

    min_counts: float | str = 0
    min_genes: float | str = AUTO
    max_mito: float = 0.2
    max_ribo: float = 1.0
    min_cells_per_gene: int = 3
    mito_pattern: str | None = None
    ribo_pattern: str | None = None

    def __post_init__(self):
        for name in ("min_counts", "min_genes", "min_cells_per_gene"):
            value = getattr(self, name)
            if name in LOWER and value == AUTO:
                continue
            if isinstance(value, str):
                raise ValueError(f"{name} is {value!r}, not a number{' or auto' * (name in LOWER)}")
            if value < 0:
                raise ValueError(f"{name} is below 0")
        for name in ("max_mito", "max_ribo"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is not between 0 and 1")

    @property
    def auto(self) -> tuple[str, ...]:
        """Return the names of the limits that are ``"auto"``."""
        return tuple(name for name in LOWER if getattr(self, name) == AUTO)

    def resolved(self, cells: Mapping[str, np.ndarray]) -> QcSettings:
        """Return the settings with numbers for limits that are ``"auto"``.

        Parameters
        ----------
        cells
            `n_counts` and `n_genes` of the cells that limits are derived from.
        """
        limits: dict[str, Any] = {name: lower_limit(np.asarray(cells[LOWER[name]])) for name in self.auto}
        return dataclasses.replace(self, **limits)

    @classmethod
    def of(cls, settings: QcSettings | Mapping, overrides: Mapping | None = None) -> QcSettings:
        """Return the settings of section ``preprocess``, with the overrides of one study (``qc``)."""
        if isinstance(settings, QcSettings):
            return dataclasses.replace(settings, **(overrides or {}))
        known = [field.name for field in dataclasses.fields(cls)]
        merged = {**settings, **(overrides or {})}
        return cls(**{name: merged[name] for name in known if name in merged})
