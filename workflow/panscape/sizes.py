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


def _panclust(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of clustering: the cell graph, blocks of the matrix, the genes' covariance."""
    settings = config["panclust"]
    genes = size.genes if settings["genes"] == "all" else _selected(size, config)
    memory = 900 + 0.009 * size.cells + 8e-6 * min(size.values, 6e7) + 32e-6 * min(genes, 5000) ** 2
    if settings["algorithm"] == "ward":
        memory += 8e-6 * min(size.cells, 20_000) ** 2
    return memory, 10 + size.cells / 25_000 + size.values / (1.5e7 if settings["genes"] == "all" else 5e7)


def _coexpression(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of correlation: the selected genes' values and the sums over pairs of genes."""
    genes = _selected(size, config)
    values = min(size.values, 0.35 * size.cells * genes)
    per_value = 42e-6 if config["coexpression"]["method"] == "spearman" else 24e-6
    kept = 1.2e-7 * genes**2 * size.cells / config["panclust"]["min_cells"]
    return 800 + per_value * values + 64e-6 * genes**2 + kept, 10 + size.cells / 20_000 * (genes / 2000) ** 2


def _landscape(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of the landscape: every study's clusters, about eight for each that could be least."""
    clusters = 8 * size.cells / config["panclust"]["min_cells"]
    return 1500 + 1e-7 * clusters * _selected(size, config) ** 2 + 8e-5 * clusters**2, 20 + clusters / 50


def _selected(size: Size, config: dict[str, Any]) -> int:
    return min(config["preprocess"]["top_per_study"] or config["preprocess"]["n_genes"], size.genes)


FORMULAS: dict[str, Callable[[Size, dict[str, Any]], tuple[float, float]]] = {
    "retrieve_study": _light,
    "simulate_study": _stream,
    "simulate_truth": _light,
    "filter_cells": _stream,
    "collect_qc": _light,
    "select_genes": _light,
    "find_panclusters": _panclust,
    "correlate_genes": _coexpression,
    "build_landscape": _landscape,
    "vary_landscape": _landscape,
    "plot_landscape": _light,
    "write_report": _light,
}
