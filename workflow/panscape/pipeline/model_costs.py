"""Memory (MB) and time (minutes) of jobs that train or apply models."""

from __future__ import annotations

from typing import Any

from panscape.data.size import Size
from panscape.pipeline.estimates import BASE_MB, PATIENCE, selected_genes


def joint_model(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of the joint embedding: counts a few times, the model, dense mini-batches."""
    settings = config["coem"]
    features = settings["max_genes"] + settings["max_peaks"]
    steps = max(settings["n_epochs"] * (size.cells / settings["batch_size"] + 1), settings["min_steps"])
    dense = 40e-6 * settings["batch_size"] * features
    return BASE_MB + 900 + 60e-6 * size.values + dense + 1e-3 * features, 15 + 1.5 * dense * steps / 6e4


def coordinates(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of applying coordinates: counts unless streamed, dense samples, a row per label."""
    settings = config["unicoord"]
    held = min(24e-6 * size.values, settings["stream_above_mb"])
    rows = size.cells * (len(settings["labels"]) or 3)
    memory = BASE_MB + 1200 + held + 0.25 * _modelled(size, config) + 0.001 * size.cells + 0.0015 * rows
    if settings["integrate"] is not None:  # soft clusters and components of all cells
        memory += 0.004 * size.cells
    return memory, 15 + size.cells / 5e4 + size.values / 2e7


def annotated(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of annotating studies: each is read a few times to align it."""
    memory, minutes = coordinates(size, config)
    return memory, 15 + 4 * (minutes - 15)


def recorrelated(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of comparing networks: a dozen matrices of at most 2000 x 2000 genes."""
    memory, minutes = coordinates(size, config)
    return memory + 100e-6 * min(_modelled(size, config), 2000) ** 2, minutes + 2


def _modelled(size: Size, config: dict[str, Any]) -> int:
    return min(config["unicoord"]["n_genes"] or size.genes, size.genes)


def trained(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of training coordinates: steps through the layers that are as wide as the genes."""
    settings = config["unicoord"]
    width = settings["n_hidden_decoder"][-1] + (settings["encoder"] == "genes") * settings["n_hidden"][0]
    steps = max(settings["n_epochs"] * size.cells / settings["batch_size"], settings["min_steps"])
    seconds = steps * (0.008 + 6 * settings["batch_size"] * _modelled(size, config) * width / 4e10)
    memory, minutes = coordinates(size, config)
    return memory, minutes + PATIENCE * seconds / 60


def tested(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of scoring coordinates: baselines for every label, learned on a sample of the cells."""
    labels = len(config["unicoord"]["labels"]) or 3
    seconds = 4e-7 * labels * min(size.cells, 15_000) * _modelled(size, config)
    memory, minutes = coordinates(size, config)
    return memory, minutes + PATIENCE * seconds / 60


def restored(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of one training per group to restore."""
    memory, minutes = trained(size, config)
    return memory + 500, 15 + (minutes - 15) * max(len(config["unicoord"]["restore"]), 1)


def lines(size: Size, config: dict[str, Any]) -> tuple[float, float]:
    """Return the cost of training: per model its cells, its weights and the optimiser's, a step's values."""
    settings, genes = config["sivae"], selected_genes(size, config)
    if settings["genes"] == "variable":
        genes = min(settings["n_genes"] + 2 * settings["n_per_line"], size.genes)
    widths = settings["n_hidden"]
    models = min(settings["models_per_job"], 3 + size.cells / settings["min_cells"])
    weights = 3 * (genes + settings["feature_dim"]) * widths[0] + 6 * widths[0] * widths[-1]
    step = 12 * settings["batch_size"] * genes + 8 * genes * (settings["feature_dim"] + sum(widths))
    values = 3 * settings["bin_cells"] * genes
    memory = 900 + 12e-6 * size.values + models * 4e-6 * (7 * weights + step + values)
    work = models * sum(settings["n_steps"]) * (weights / genes * genes + step * widths[0] / 4)
    return memory, 20 + work / 2e11
