"""How much memory and time a job needs, from the sizes in its input's header.

The formulas are upper bounds fitted on measured runs (rounded up); a retry multiplies them by its attempt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

BASE_MB = 600  # interpreter and libraries
DICTIONARY_THREADS = 2  # of the rules that fit dictionaries


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
    return 1500 + 4e-7 * clusters * _selected(size, config) ** 2 + 8e-5 * clusters**2, 20 + clusters / 50


def _dictionary(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of fitting: the panclusters x pairs matrix, and per thread the entries at work."""
    genes, settings = _selected(size, config), config["dictionary"]
    clusters = 8 * size.cells / config["panclust"]["min_cells"]
    values = 0.008 * clusters * genes**2
    pairs = min(genes**2 / 4, values / settings["pair_support"])
    most = max(settings["k_range"]) if settings["k"] == "auto" else settings["k"]
    working = DICTIONARY_THREADS * 4 * most * pairs * 8e-6
    return BASE_MB + 100 + 30e-6 * values + working, 20 + values / 1e6


def _coded(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of rules that read the dictionary or the pairs of all panclusters once."""
    memory, minutes = _dictionary(size, config)
    return max(1500, memory / 2), 20 + minutes / 10


def _targets(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of the baselines: dictionaries, and one correlation matrix of all cells."""
    memory, minutes = _dictionary(size, config)
    return memory + 32e-6 * _selected(size, config) ** 2, minutes + size.values / 2e7


def _scores(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the need of rewired graphs, whose time grows with their number and the known networks."""
    settings = config["overlap"]
    swaps = settings["rewirings"] * settings["tries_per_edge"] * max(len(settings["networks"]), 1)
    return 1500, 30 + swaps / 200


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
    "find_elbow": _dictionary,
    "learn_dictionary": _dictionary,
    "check_edges": _coexpression,
    "read_entries": _coded,
    "enrich_entries": _light,
    "factorise_expression": _coded,
    "project_panclusters": _coded,
    "plot_dictionary": _light,
    "build_targets": _targets,
    "score_overlap": _scores,
    "plot_overlap": _light,
    "plot_landscape": _light,
    "write_report": _light,
}
