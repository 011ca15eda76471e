"""How much memory and time a job needs, from the sizes in its input's header.

The formulas are upper bounds fitted on measured runs (rounded up); a retry multiplies them by its attempt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

BASE_MB = 600  # interpreter and libraries


@dataclass(frozen=True)
class Size:
    """The size of a study's input: cells, genes and stored non-zero values."""

    cells: int
    genes: int
    values: int


def needs(rule: str, resource: str, studies: Sequence[Size], config: dict[str, Any]) -> int:
    """Return what a rule needs.

    Parameters
    ----------
    rule
        Name of a rule in :data:`FORMULAS`.
    resource
        ``"mem_mb"`` or ``"runtime"`` (minutes).
    studies
        Sizes of the studies that one job reads.
    config
        The validated configuration.

    Returns
    -------
    A whole number, at least 1.
    """
    total = Size(*(sum(getattr(size, name) for size in studies) for name in ("cells", "genes", "values")))
    memory, minutes = FORMULAS[rule](total, config)
    return max(math.ceil(memory if resource == "mem_mb" else minutes), 1)


def _light(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of rules that read tables or draw figures."""
    return BASE_MB + 400, 15


def _stream(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of rules that pass over all cells in blocks and keep a number or two per cell."""
    return BASE_MB + 900 + size.cells * 0.002, 10 + size.values / 2e7


FORMULAS: dict[str, Callable[[Size, dict[str, Any]], tuple[float, float]]] = {
    "retrieve_study": _light,
    "simulate_study": _stream,
    "simulate_truth": _light,
    "filter_cells": _stream,
    "collect_qc": _light,
    "select_genes": _light,
    "find_panclusters": _stream,
    "correlate_genes": _stream,
    "build_landscape": _light,
    "vary_landscape": _light,
    "plot_landscape": _light,
    "write_report": _light,
}
