"""Limits of quality control."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class QcSettings:
    """Limits of quality control, in the order in which they are applied.

    Parameters
    ----------
    min_counts
        Cells with fewer counts are removed.
    min_genes
        Cells with fewer detected genes are removed (Coscape paper: 500).
    max_mito, max_ribo
        Cells with a larger share (0 to 1) of mitochondrial or ribosomal counts are removed.
    min_cells_per_gene
        Genes detected in fewer of the cells left are removed.
    mito_pattern, ribo_pattern
        Regular expressions on gene names; None takes the species' own.
    """

    min_counts: float = 0
    min_genes: float = 500
    max_mito: float = 0.2
    max_ribo: float = 1.0
    min_cells_per_gene: int = 3
    mito_pattern: str | None = None
    ribo_pattern: str | None = None

    def __post_init__(self):
        for name in ("min_counts", "min_genes", "min_cells_per_gene"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is below 0")
        for name in ("max_mito", "max_ribo"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is not between 0 and 1")

    @classmethod
    def of(cls, settings: QcSettings | Mapping, own: Mapping | None = None) -> QcSettings:
        """Take the settings of the section ``preprocess``, with those of one study (``qc``) over them."""
        if isinstance(settings, cls):
            return dataclasses.replace(settings, **(own or {}))
        known = [field.name for field in dataclasses.fields(cls)]
        merged = {**settings, **(own or {})}
        return cls(**{name: merged[name] for name in known if name in merged})
