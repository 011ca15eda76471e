"""Restoration tests: generate a group of cells with a model that was trained without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from panscape.log import logger
from panscape.training.batches import permutation
from panscape.unicoord.cells import Cells
from panscape.unicoord.label_checks import check_gap
from panscape.unicoord.labels import numbers
from panscape.unicoord.local_linear import local_reach, local_rows
from panscape.unicoord.restoration import Restored, flanking, restore
from panscape.unicoord.settings import Hierarchy, Label, UniCoordSettings
from panscape.unicoord.split import split_cells
from panscape.unicoord.stage import some_cells
from panscape.unicoord.train import train

MODEL = "unicoord"
_SOURCES = 5000  # maximum number of cells from which a group is generated


def restore_group(
    cells: Cells,
    labels: Sequence[Label],
    hierarchy: Sequence[Hierarchy],
    settings: UniCoordSettings,
    wanted: Mapping[str, Any],
    seed: int = 0,
    device: str = "cpu",
) -> Restored:
    """Train without a group of cells, generate it from cells of other groups, and compare both.

    Parameters
    ----------
    cells, labels, hierarchy, settings
        As for :func:`panscape.unicoord.train.train`.
    wanted
        label; leave: [low, high] of its values (of ordinal classes, positions in the order, from 0); groups:
        number of groups of the other cells.

    Returns
    -------
    Scores and curve; the models are ``unicoord`` (means, made from all other cells), ``unicoord-near``
    (made from the two flanking groups, like the baseline ``linear``) and ``unicoord-local`` (made from cells
    drawn by their distance, like the baseline ``local-linear``; other gaps decide how far that reaches), each
    also with ``-residual`` (cells keep their noise; those of ``unicoord-local`` have the same mean). Up to
    5,000 cells of other groups are used, by the model and the baselines alike.
    """
    name, (low, high) = wanted["label"], wanted["leave"]
    label = next(label for label in labels if label.name == name)
    order = tuple(float(at) for at in range(len(label.order)))
    value = numbers(cells.obs[name], label.order, order)
    left = check_gap(value, name, low, high)
    split = split_cells(cells, labels, settings, seed)
    hidden = np.where(left, "test", split)
    trained = train(cells, labels, settings, hierarchy=hierarchy, seed=seed, split=hidden, device=device)
    model, target = trained.model, float(np.median(value[left]))
    source_rows = np.flatnonzero(~left & np.isfinite(value))
    if len(source_rows) > _SOURCES:
        drawn = permutation(len(source_rows), seed, "unicoord", "restore", name)[:_SOURCES]
        source_rows = source_rows[np.sort(drawn)]
    truth_rows = np.flatnonzero(left)
    sources, truth = some_cells(model, cells, source_rows), some_cells(model, cells, truth_rows)
    groups = _grouped(value[source_rows], target, wanted.get("groups", 5))
    counted = np.array([np.sum(groups == group) for group in groups])
    kept = np.flatnonzero(counted >= 5)
    sources, groups, source_rows = sources[kept].copy(), groups[kept], source_rows[kept]
    logger.info("restoring %s of %s: %s true cells, %s sources", name, (low, high), len(truth), len(sources))

    around = np.isin(groups, flanking(np.unique(groups), target))
    info = model.layout[name]
    expression, true = model.normalised(sources), model.normalised(truth)
    place, gap = info.forward(value[source_rows]), [value[left].min(), target, value[left].max()]
    first, middle, last = (float(at) for at in info.forward(np.array(gap)))
    local = local_rows(place, middle, reach=local_reach(place, expression, first, last))

    def decoded(rows: np.ndarray, residual: bool) -> np.ndarray:
        blocks = model.reconfigure(sources[rows], {name: target}, residual=residual)
        return np.vstack([block for _, block in blocks])

    def make(residual: bool, which: str):
        def generate(rows: np.ndarray) -> np.ndarray:
            if which == "near" and around[rows].any():
                rows = rows[around[rows]]
            elif which == "local":
                rows = local
            made = decoded(rows, residual)
            if which == "local" and not residual:  # what is smooth lies off the mean where change is curved
                made = np.maximum(made + (decoded(rows, True).mean(axis=0) - made.mean(axis=0)), 0)
            return made

        return generate

    generators = {
        MODEL: make(False, "all"),
        f"{MODEL}-residual": make(True, "all"),
        f"{MODEL}-near": make(False, "near"),
        f"{MODEL}-near-residual": make(True, "near"),
        f"{MODEL}-local": make(False, "local"),
        f"{MODEL}-local-residual": make(True, "local"),
    }
    scales = {} if info.transform == "none" else {info.transform: info.forward}
    return restore(generators, expression, groups, true, target, local=local, scales=scales, seed=seed)


def _grouped(values: np.ndarray, target: float, count: int) -> np.ndarray:
    """Return the position of each value's group: the value itself, or its bin's mean if there are many.

    No bin spans the target.
    """
    if len(np.unique(values)) <= count:
        return values
    result = np.empty(len(values))
    for side in (values < target, values >= target):
        inside = values[side]
        if not len(inside):
            continue
        bins = max(1, round(count * np.ptp(inside) / max(np.ptp(values), 1e-12)))
        edges = np.linspace(inside.min(), inside.max(), bins + 1)
        at = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, bins - 1)
        sums, number = np.bincount(at, inside, minlength=bins), np.bincount(at, minlength=bins)
        result[side] = (sums / number.clip(1))[at]
    return result


def restore_groups(
    cells: Cells,
    labels: Sequence[Label],
    hierarchy: Sequence[Hierarchy],
    settings: Mapping[str, Any],
    seed: int = 0,
    device: str = "cpu",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run :func:`restore_group` for every entry of the configuration's ``unicoord.restore``.

    Parameters
    ----------
    cells, labels, hierarchy
        As for :func:`restore_group`.
    settings
        The configuration's section ``unicoord``.
    seed
        Seed of training and of all draws.
    device
        Device on which the networks are trained.

    Returns
    -------
    Scores and curves, each with the columns label, low and high before those of :class:`Restored`.
    """
    parts: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    for wanted in settings["restore"]:
        restored = restore_group(
            cells, labels, hierarchy, UniCoordSettings.of(settings), wanted, seed, device
        )
        low, high = wanted["leave"]
        named = [
            pd.concat(
                [
                    pd.DataFrame({"label": wanted["label"], "low": low, "high": high}, index=table.index),
                    table,
                ],
                axis=1,
            )
            for table in (restored.scores, restored.curve)
        ]
        parts.append((named[0], named[1]))
    return tuple(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
