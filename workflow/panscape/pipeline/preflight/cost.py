"""Expected run time of a job and disk space of its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from panscape.data.size import Size, total
from panscape.pipeline import estimates, resources

START_SECONDS = 10  # interpreter, libraries, tables
LEAST_MB = 1.0
# minutes, of rules whose work does not depend on the number of cells
ALLOWANCE = {"train_lines": 20, "score_overlap": 30, "train_unicoord": 15, "restore_cells": 15}
# ratio of the requested to the measured time, for the part that grows with the input
MARGIN = {
    "find_panclusters": 1.5,
    "simulate_study": 5,
    "filter_cells": 6,
    "correlate_genes": 8,
    "build_landscape": 20,
    "embed_cells": 6,
    "link_peaks": 5,
    # one pass over the stored counts
    **dict.fromkeys(("read_multiome", "simulate_multiome", "transfer_labels", "plan_lines"), 12),
    **dict.fromkeys(
        (
            "score_features",
            "place_cells",
            "annotate_studies",
            "reconfigure_cells",
            "compare_networks",
            "plot_unicoord",
        ),
        12,
    ),
    # numbers of panclusters, pairs and steps are all upper bounds there
    **dict.fromkeys(("find_elbow", "learn_dictionary", "build_targets"), 40),
    "choose_features": 8,
    "compare_lines": 40,  # the request is that of every kernel for the largest networks
    **dict.fromkeys(
        ("place_clusters", "score_overlap", "train_unicoord", "score_unicoord", "restore_cells"),
        estimates.PATIENCE,
    ),
}
USUAL_MARGIN = 3


def expected_seconds(rule: str, studies: Sequence[Size], config: dict[str, Any]) -> float:
    """Return the expected time of a job.

    The request of a rule is a constant allowance, its request without any cells, plus a part that grows with
    the size of the input.

    Parameters
    ----------
    rule
        Name of the rule.
    studies
        Sizes of the studies that the job reads.
    config
        The complete configuration.

    Returns
    -------
    Seconds on ordinary processors; measured times are within a factor of four or half a minute.
    """
    empty = Size(0, max((size.genes for size in studies), default=1), 0)
    formula = resources.FORMULAS[rule]
    asked = formula(total(studies), config)[1]
    allowance = ALLOWANCE.get(rule) or formula(empty, config)[1]
    return START_SECONDS + 60.0 * max(asked - allowance, 0) / MARGIN.get(rule, USUAL_MARGIN)


def disk_mb(rule: str, studies: Sequence[Size], config: dict[str, Any]) -> float:
    """Return the approximate size of a job's output (MB).

    Parameters
    ----------
    rule
        Name of the rule.
    studies
        Sizes of the studies that the job reads.
    config
        The complete configuration.
    """
    formula = OUTPUTS.get(rule)
    return max(LEAST_MB, formula(total(studies), config)) if formula else LEAST_MB


def _counts(size: Size, config: dict[str, Any]) -> float:
    return 1 + 5e-6 * size.values + 2e-4 * size.cells


def _members(size: Size, config: dict[str, Any]) -> float:
    # every resolution and level covers all cells once
    return 4e-6 * size.cells * 10


def _matrices(size: Size, config: dict[str, Any]) -> float:
    genes = estimates.selected_genes(size, config)
    return 1e-6 * estimates.panclusters(size, config) * (12 * genes + 0.003 * genes**2)


def _correlations(size: Size, config: dict[str, Any]) -> float:
    # two sums for every pair of genes, if pairs are chosen by them
    signal = config["landscape"]["distance"] == "corrected"
    return _matrices(size, config) + signal * 2.5e-6 * estimates.selected_genes(size, config) ** 2


def _chosen_pairs(size: Size, config: dict[str, Any]) -> float:
    return 5e-5 * config["landscape"]["top_pairs"]


def _scores(size: Size, config: dict[str, Any]) -> float:
    # five bytes each; about half of the pairs are valid in a pancluster
    return 2.5e-6 * estimates.panclusters(size, config) * config["landscape"]["top_pairs"]


def _landscape(size: Size, config: dict[str, Any]) -> float:
    return 8 + 2 * _matrices(size, config)


def _models(size: Size, config: dict[str, Any]) -> float:
    # weights and readouts of the models, and a copy of the readouts for other stages
    models = min(config["sivae"]["models_per_job"], 3 + size.cells / config["sivae"]["min_cells"])
    return 4e-3 * models * min(size.genes, config["sivae"]["n_genes"])


def _features(size: Size, config: dict[str, Any]) -> float:
    return 1 + 12e-6 * config["features"]["groups"] * size.cells


def _generated(size: Size, config: dict[str, Any]) -> float:
    return 1 + 5e-6 * min(size.cells, 2000) * min(config["unicoord"]["n_genes"] or size.genes, size.genes)


def _download(size: Size, config: dict[str, Any]) -> float:
    return 1 + 8e-6 * size.values


OUTPUTS: dict[str, Callable[[Size, dict[str, Any]], float]] = {
    "retrieve_study": _download,
    "simulate_study": _counts,
    "filter_cells": _counts,
    "find_panclusters": _members,
    "correlate_genes": _correlations,
    "choose_pairs": _chosen_pairs,
    "score_pairs": _scores,
    "build_landscape": _landscape,
    "train_lines": _models,
    "read_multiome": lambda size, config: 10 + 8e-6 * size.values,
    "sum_metacells": lambda size, config: 20 + 2e-6 * size.values,
    "score_features": _features,
    "place_cells": lambda size, config: 1 + 3.5e-4 * size.cells,
    "annotate_studies": lambda size, config: 1 + 1.4e-3 * size.cells,
    "reconfigure_cells": _generated,
    "plot_landscape": lambda size, config: 12,
    "write_report": lambda size, config: 10,
    "correlate_new_genes": _matrices,
    "score_new_pairs": _scores,
}
