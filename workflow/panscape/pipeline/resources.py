"""Memory and time requests of the rules, from the sizes in the headers of the input.

The formulas give upper bounds of memory (MB) and time (minutes), fitted to measured runs; retries multiply
them by the attempt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from panscape.coscape.landscape.settings import DRAW_PAIRS, DRAW_SCORES, LandscapeSettings
from panscape.data.size import Size, total
from panscape.pipeline import model_costs as models
from panscape.pipeline.estimates import BASE_MB, PATIENCE, min_cells, panclusters, selected_genes

ENGINE_MB = 250  # Snakemake, which runs beside the script on a cluster node
DICTIONARY_THREADS = 2  # threads of the rules that fit dictionaries


def needs(rule: str, resource: str, studies: Sequence[Size], config: dict[str, Any]) -> int:
    """Return the resource request of a job.

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
    memory, minutes = FORMULAS[rule](total(studies), config)
    return max(math.ceil(memory + ENGINE_MB if resource == "mem_mb" else minutes), 1)


def _light(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of rules that read tables or draw figures."""
    return BASE_MB + 400, 15


def _stream(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of rules that read all cells in blocks and keep a few numbers per cell."""
    return BASE_MB + 900 + size.cells * 0.002, 10 + size.values / 2e7


def _panclust(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of clustering: the cell graph, blocks of the matrix, the genes' covariance."""
    settings = config["panclust"]
    genes = size.genes if settings["genes"] == "all" else selected_genes(size, config)
    memory = 900 + 0.009 * size.cells + 8e-6 * min(size.values, 6e7) + 32e-6 * min(genes, 5000) ** 2
    if settings["algorithm"] == "ward":
        memory += 8e-6 * min(size.cells, 20_000) ** 2
    minutes = 10 + size.cells / 25_000 + size.values / (1.5e7 if settings["genes"] == "all" else 5e7)
    return memory, minutes + (size.cells / 5000 if settings["algorithm"] == "leiden" else 0)


def _coexpression(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of correlation: the selected genes' values and the sums over pairs of genes."""
    genes = selected_genes(size, config)
    values = min(size.values, 0.35 * size.cells * genes)
    per_value = 42e-6 if config["coexpression"]["estimator"] == "spearman" else 24e-6
    kept = 1.2e-7 * genes**2 * sum(part.cells / min_cells(part, config) for part in size.parts or (size,))
    return 800 + per_value * values + 64e-6 * genes**2 + kept, 10 + size.cells / 20_000 * (genes / 2000) ** 2


def _signal(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of choosing pairs: sums over all pairs of genes, of all and of one study."""
    return 600 + 120e-6 * selected_genes(size, config) ** 2, 10


def _scores_of_pairs(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of scoring pairs: the selected genes' values, and sums over panclusters and pairs."""
    genes, pairs = selected_genes(size, config), config["landscape"]["top_pairs"]
    values, clusters = min(size.values, 0.35 * size.cells * genes), panclusters(size, config)
    # products of pairs are made a gigabyte at a time; scores have 8 bytes, twice when stacked
    memory = 900 + 24e-6 * values + 16e-6 * (min(clusters * pairs, 1.4e8) + clusters * pairs)
    return memory, 10 + size.cells * pairs / 1e9


def _landscape(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of the landscape: every study's panclusters, their distances and their cells."""
    clusters = panclusters(size, config)
    memory = (
        1500 + 4e-7 * clusters * selected_genes(size, config) ** 2 + 8e-5 * clusters**2 + 1.5e-3 * size.cells
    )
    if config["landscape"]["distance"] == "corrected":  # scores of the studies and of all; blocks
        memory += 300 + 16e-6 * clusters * config["landscape"]["top_pairs"]
    return memory, 20 + clusters / 200 + size.cells / 100_000


def _varied(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of other choices: a landscape with more scores, and the scores by another estimator."""
    memory, minutes = _landscape(size, config)
    if config["landscape"]["distance"] == "corrected":
        largest = max(size.parts or (size,), key=lambda part: part.cells)
        values = min(largest.values, 0.35 * largest.cells * selected_genes(size, config))
        pairs = panclusters(size, config) * config["landscape"]["top_pairs"]
        # other scores of the studies and of all; a study's counts are gone when distances begin
        memory += max(24e-6 * values, 16e-6 * pairs)
        minutes = 3 * minutes + _scores_of_pairs(size, config)[1]
    return memory, minutes


def _drawn(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of intervals: values of the selected genes, sums of some draws, distances of each."""
    draws = LandscapeSettings.of(config["landscape"]).n_draws
    if draws == 0:
        return _light(size, config)
    genes, clusters = selected_genes(size, config), panclusters(size, config)
    pairs = min(config["landscape"]["top_pairs"], DRAW_PAIRS)
    values = min(size.values, 0.35 * size.cells * genes)
    kept = min(draws * clusters * pairs, DRAW_SCORES)
    memory = 1200 + 16e-6 * values + 6e-6 * kept + 1e-4 * clusters**2 + 6e-4 * size.cells
    both = pairs * values**2 / max(size.cells * genes**2, 1)  # cells that have both genes, over all pairs
    each = 0.1 + 3e-9 * values + 1.5e-8 * both + 6e-8 * clusters * pairs + 2.5e-10 * pairs * clusters**2
    return memory, 15 + PATIENCE * draws * each / 60


def _dictionary(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of fitting: the panclusters x pairs matrix, and per thread the current entries."""
    genes, settings = selected_genes(size, config), config["dictionary"]
    values = 0.008 * panclusters(size, config) * genes**2
    pairs = min(genes**2 / 4, values / settings["pair_support"])
    working = DICTIONARY_THREADS * 4 * dictionary_entries(config) * pairs * 8e-6
    if settings["entries"] == "products":  # chance levels are computed from other pairs
        working += 40e-6 * values + 400e-6 * min(values, genes**2 / 2)
    return BASE_MB + 100 + 30e-6 * values + working, 20 + values / 1e6


def _coded(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of rules that read the dictionary or the pairs of all panclusters once."""
    memory, minutes = _dictionary(size, config)
    return max(1500, memory / 2), 20 + minutes / 10


def _scored(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of scores of entries: a block of cells, sums by cluster, and scores of all cells."""
    genes, entries = selected_genes(size, config), dictionary_entries(config)
    sums = 24e-6 * panclusters(size, config) * genes + 96e-6 * genes * entries
    return BASE_MB + 700 + 1e-3 * genes * 0.1 + sums + 60e-6 * size.cells * entries, 15 + size.values / 1e7


def _described(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of averaging scores: those of all cells, twice, and the table of genes and entries."""
    genes, entries = selected_genes(size, config), dictionary_entries(config)
    return BASE_MB + 500 + 40e-6 * size.cells * entries + 1e-3 * genes * entries + 1e-3 * size.cells, 15


def dictionary_entries(config: dict[str, Any]) -> int:
    """Return the largest number of entries that a dictionary of these settings has."""
    settings = config["dictionary"]
    return max(settings["k_range"]) if settings["k"] == "auto" else settings["k"]


def _targets(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of the baselines: dictionaries, and one correlation matrix of all cells."""
    memory, minutes = _dictionary(size, config)
    return memory + 32e-6 * selected_genes(size, config) ** 2, minutes + size.values / 2e7


def _scores(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of rewired graphs: swaps of edges (ten million a second), and the known networks."""
    settings = config["overlap"]
    edges = 3 * selected_genes(size, config)  # measured: one to one and a half for each gene
    targets = 4 * (len(settings["resolutions"]) + 3)  # all edges, equal numbers, and a curve of both sums
    paths = [Path(network["path"]) for network in settings["networks"]]
    known = sum(x.stat().st_size / (3.5 if x.suffix == ".gz" else 14) for x in paths if x.exists())
    # edges to rewire per network: those of the target, or of the networks themselves
    moved = known if settings["rewire"] == "known" else edges * len(paths)
    swaps = settings["rewirings"] * settings["tries_per_edge"] * moved * targets
    return 1500 + 360e-6 * known, 30 + PATIENCE * (6e-6 * known + swaps / 1e7) / 60


def _multiome(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of rules that load a sample's genes and peaks: values twice, coordinates, graph."""
    settings = config["metacells"]
    vectors = size.cells / settings["cells_per_metacell"] if settings["eigenvectors"] == "metacells" else 50
    spectrum = 24e-6 * size.cells * vectors  # Lanczos vectors, k-means
    memory = 1000 + 30e-6 * size.values + 0.006 * size.cells + spectrum
    return memory, 15 + size.cells / 5000 + size.values / 2e7 + spectrum * vectors / 2e4


def _links(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of links: the sample, and each pair (about 18 per gene and 100 kb) with 5 decoys."""
    memory, minutes = _multiome(size, config)
    pairs = 18 * size.genes * config["metacells"]["window"] / 1e5
    return memory + 1.2e-3 * pairs, minutes + pairs / 2e5


def _networks(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of comparing lines: graphs, embeddings, permutations; to 200 lines of 3000 genes."""
    bins = max(size.cells / 500, 10)
    genes = min(size.genes, 5000)
    memory = BASE_MB + 700 + 0.8e-3 * bins * genes + 8e-5 * genes * config["networks"]["permutations"]
    return memory, 20 + bins * genes / 3e4


def _kernels(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of comparing lines by every kernel, one after the other."""
    settings = config["networks"]
    memory, minutes = _networks(size, config)
    return memory, minutes + len(settings["kernels"]) * (1 + len(settings["engines"])) * (minutes - 20)


def _choice(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of choosing gene sets: a sample's scores of all sets, random sets, a forest."""
    settings = config["features"]
    cells = min(size.cells, settings["max_cells"])
    seconds = cells * (5e-6 * settings["trees"] + 1.5e-7 * _random_sets(settings))
    return BASE_MB + 900 + 0.08 * cells, 20 + PATIENCE * seconds / 60 + size.values / 2e7


def _random_sets(settings: dict[str, Any]) -> int:
    return settings["random_sets"] * settings["size_bins"] * settings["detection_bins"]


def _features(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of scoring the chosen gene sets: all cells' scores, also as the text of a table."""
    memory = BASE_MB + 900 + (1e-3 + 40e-6 * config["features"]["groups"]) * size.cells
    return memory, 15 + size.cells / 1e5 + size.values / 2e7


FORMULAS: dict[str, Callable[[Size, dict[str, Any]], tuple[float, float]]] = {
    "retrieve_study": _light,
    "simulate_study": _stream,
    "simulate_truth": _light,
    "simulate_lines": _light,
    "filter_cells": _stream,
    "plot_qc": _light,
    "collect_qc": _light,
    "select_genes": _light,
    "find_panclusters": _panclust,
    "correlate_genes": _coexpression,
    "choose_pairs": _signal,
    "score_pairs": _scores_of_pairs,
    "find_root": _light,
    "build_landscape": _landscape,
    "place_clusters": _drawn,
    "vary_landscape": _varied,
    "find_elbow": _dictionary,
    "learn_dictionary": _dictionary,
    "check_edges": _coexpression,
    "read_entries": _coded,
    "enrich_entries": _light,
    "score_programs": _scored,
    "describe_programs": _described,
    "compare_programs": _described,
    "plot_programs": _light,
    "factorise_expression": _coded,
    "match_genes": _light,
    "find_new_panclusters": _panclust,
    "correlate_new_genes": _coexpression,
    "score_new_pairs": _scores_of_pairs,
    "check_preservation": _coexpression,
    "project_panclusters": _coded,
    "plot_projection": _light,
    "plot_dictionary": _light,
    "build_targets": _targets,
    "score_overlap": _scores,
    "plot_overlap": _light,
    "simulate_multiome": _multiome,
    "read_multiome": _multiome,
    "embed_cells": models.joint_model,
    "group_cells": _multiome,
    "sum_metacells": _multiome,
    "link_peaks": _links,
    "plot_metacells": _light,
    "simulate_gene_sets": _light,
    "choose_features": _choice,
    "score_features": _features,
    "plot_features": _light,
    "transfer_labels": _stream,
    "train_unicoord": models.trained,
    "place_cells": models.coordinates,
    "annotate_studies": models.annotated,
    "score_unicoord": models.tested,
    "reconfigure_cells": models.coordinates,
    "compare_networks": models.recorrelated,
    "restore_cells": models.restored,
    "plot_unicoord": _stream,
    "compare_lines": _kernels,
    "check_lines": _networks,
    "associate_genes": _networks,
    "rank_sets": _networks,
    "associate_edges": _networks,
    "score_edges": _networks,
    "list_neighbours": _networks,
    "measure_effects": _networks,
    "judge_engines": _networks,
    "compare_ends": _networks,
    "plot_effects": _networks,
    "collect_tests": _light,
    "plot_networks": _networks,
    "plan_lines": _stream,
    "train_lines": models.lines,
    "collect_lines": _light,
    "plot_lines": _light,
    "plot_landscape": _light,
    "write_report": _light,
}
