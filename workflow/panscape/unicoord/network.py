"""Changes of gene networks under a reconfiguration, compared with those in measured cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.log import logger
from panscape.unicoord.cells import Cells
from panscape.unicoord.labels import Layout, numbers
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.stage import pick_cells, some_cells

_MIN_CELLS = 50  # minimum number of cells for correlations
_MIN_MATCHED = 200  # minimum number of measured cells for a comparison
_NEAR = 0.05  # fraction of a number's range by which measured cells may differ from the requested value
_NULLS = 20  # number of permutations of the genes
_MAX_PAIRS = 50_000  # maximum number of listed pairs
_GENES = 2000  # maximum number of genes, the most variable ones: matrices are genes x genes


def correlations(x: np.ndarray) -> np.ndarray:
    """Return Pearson's r between the columns of x (n, G); 0 for a gene that does not vary.

    Examples
    --------
    >>> correlations(np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])).round(3).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    centred = np.asarray(x, dtype=np.float64) - x.mean(axis=0, dtype=np.float64)
    norm = np.sqrt((centred**2).sum(axis=0))
    centred /= np.where(norm > 1e-9, norm, np.inf)
    return np.clip(centred.T @ centred, -1, 1)


def cells_there(layout: Layout, obs: pd.DataFrame, scenario: Mapping[str, Any]) -> np.ndarray | None:
    """Return a mask of measured cells that already have the labels that a scenario sets.

    Numbers may differ by a twentieth of their range. None if the scenario sets no labels, or values that
    differ between cells (a shift, an interpolation).

    Parameters
    ----------
    layout
        The labels.
    obs
        Annotation of the n cells.
    scenario
        As in the section ``unicoord.scenarios``.
    """
    if not scenario["set"] or any(isinstance(value, Mapping) for value in scenario["set"].values()):
        return None
    there = np.ones(len(obs), dtype=bool)
    for name, value in scenario["set"].items():
        label = layout[name]
        if label.discrete:
            there &= obs[name].astype(str).to_numpy() == str(value)
            continue
        values = numbers(obs[name], label.classes, label.positions)
        asked = label.positions[label.classes.index(str(value))] if label.classes else float(value)
        there &= np.abs(values - asked) <= _NEAR * (np.nanmax(values) - np.nanmin(values))
    return there


def matched(
    obs: pd.DataFrame, source: np.ndarray, there: np.ndarray, names: list[str], random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Match source cells with target cells of the same classes, each cell at most once.

    Parameters
    ----------
    obs
        All cells.
    source, there
        Numbers of the source cells and of those to draw from.
    names
        Labels whose classes must agree, so that the two sets differ only in what was set.
    random
        Random generator.

    Returns
    -------
    Source cells and their matches, as many as there are pairs.
    """
    classes = obs[names].astype(str).agg("\t".join, axis=1).to_numpy() if names else np.full(len(obs), "")
    kept, drawn = [], []
    for value in np.unique(classes[source]):
        cells, pool = source[classes[source] == value], there[classes[there] == value]
        count = min(len(cells), len(pool))
        kept.append(random.permutation(cells)[:count])
        drawn.append(random.permutation(pool)[:count])
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *kept]), np.concatenate([empty, *drawn])


def network_change(
    model: CoordinateSystem, cells: Cells, scenario: Mapping[str, Any], cut: float = 0.2, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the correlations of genes over cells with those over the same cells reconfigured.

    Reconfigured cells keep the residual of their reconstruction (x + decoded(set) - decoded(unchanged)), so
    that the network before is the measured one and changes are due only to what was set. Measured cells that
    already have the labels as set serve as a reference. They are matched with source cells of the same other
    classes; one half of the pairs gives the predicted, the other half the measured change, so that their
    noise is independent.

    Parameters
    ----------
    model
        A trained model with the scenario's labels.
    cells
        All cells.
    scenario
        As in the section ``unicoord.scenarios``: name, set, from, cells.
    cut
        Minimum absolute correlation (before, after, or in measured cells there) of listed pairs.
    seed
        Seed of the draws.

    Returns
    -------
    Pairs: gene_a, gene_b, before, after, change, there (NaN where no measured cells are), strongest change
    first, at most 50,000.
    Scores: scenario, measure, value, with cells, pairs, sd_change and, where 200 measured cells are, matched
    (cells), r (of predicted with measured change), r_noise (the upper limit set by noise in the
    measured change, from its two halves), r_null (the largest over permutations of the genes),
    same_sign (fraction of pairs) and slope (measured by predicted change: above 1 where the model
    underestimates it).
    Both are empty if fewer than 50 cells are chosen.
    """
    name = scenario["name"]
    rows = pick_cells(cells.obs, scenario.get("from") or {}, scenario.get("cells", 2000), seed, name)
    if len(rows) < _MIN_CELLS:
        logger.warning("scenario %s: %s cells are too few for a network", name, len(rows))
        nothing = np.empty((0, 0))
        return _pairs(np.empty(0, dtype=object), nothing, nothing, nothing, cut), _table(name, {})
    random = seeds.stream(seed, "network", name)
    source, drawn = _matches(model, cells.obs, scenario, rows, random)
    kept = np.union1d(rows, drawn)
    cells = model.cells(some_cells(model, cells, kept))  # a single pass over the files
    rows, source, drawn = (np.searchsorted(kept, part) for part in (rows, source, drawn))
    genes = _most_variable(_expression(model, cells, rows))
    before, after = _pair_of(model, cells, rows, scenario["set"], genes)
    scores = {"cells": len(rows), "sd_change": float((after - before)[_upper(before)].std())}
    changes = _measured(model, cells, scenario, source, drawn, genes, random) if len(drawn) else None
    measured = np.full_like(before, np.nan) if changes is None else changes[0]
    table = _pairs(np.asarray(model.genes, dtype=object)[genes], before, after, measured, cut)
    scores["pairs"] = len(table)
    if changes is not None:
        scores |= {"matched": len(drawn), **_agreement(changes, cut, random)}
    logger.info("scenario %s: %s", name, ", ".join(f"{key} {value:.3g}" for key, value in scores.items()))
    return table.head(_MAX_PAIRS), _table(name, scores)


def _table(name: str, scores: Mapping[str, float]) -> pd.DataFrame:
    columns = {"measure": list(scores), "value": [float(value) for value in scores.values()]}
    return pd.DataFrame({"scenario": name, **columns})


def _most_variable(x: sparse.csr_matrix) -> np.ndarray:
    """Return the columns (ascending) of the largest variances."""
    mean = np.asarray(x.mean(axis=0)).ravel()
    variance = np.asarray(x.multiply(x).mean(axis=0)).ravel() - mean**2
    return np.sort(np.argsort(-variance, kind="stable")[:_GENES])


def _expression(model: CoordinateSystem, cells: Cells, rows: np.ndarray) -> sparse.csr_matrix:
    return model.scale(cells.take(rows, model.genes), cells.totals[rows])


def _network(model: CoordinateSystem, cells: Cells, rows: np.ndarray, genes: np.ndarray) -> np.ndarray:
    return correlations(_expression(model, cells, np.sort(rows))[:, genes].toarray())


def _pair_of(model: CoordinateSystem, cells: Cells, rows: np.ndarray, changes, genes: np.ndarray):
    """Return the correlations (G, G) of cells as measured and as reconfigured."""
    blocks = model.reconfigure(some_cells(model, cells, np.sort(rows)), changes, residual=True)
    made = np.vstack([block[:, genes] for _, block in blocks])
    return _network(model, cells, rows, genes), correlations(made)


def _matches(model, obs, scenario, rows, random) -> tuple[np.ndarray, np.ndarray]:
    """Return source cells and matching measured cells with the labels as set; empty if there are too few."""
    there, nothing = cells_there(model.layout, obs, scenario), np.empty(0, dtype=np.int64)
    if there is None:
        return nothing, nothing
    others = [label.name for label in model.layout.discrete if label.name not in scenario["set"]]
    others = [name for name in others if name in obs]
    source, drawn = matched(obs, rows, np.setdiff1d(np.flatnonzero(there), rows), others, random)
    if len(source) >= _MIN_MATCHED:
        return source, drawn
    text = "scenario %s: %s matching measured cells with these labels are too few for a comparison"
    logger.info(text, scenario["name"], len(source))
    return nothing, nothing


def _measured(model, cells, scenario, source, drawn, genes, random):
    """Return the network of measured cells there, the predicted change, the measured one and its halves.

    The network is that of all matched cells, the changes are of one half of the pairs each.
    """
    first, second = np.array_split(random.permutation(len(source)), 2)
    before, after = _pair_of(model, cells, source[first], scenario["set"], genes)

    def change(part: np.ndarray) -> np.ndarray:
        return _network(model, cells, drawn[part], genes) - _network(model, cells, source[part], genes)

    halves = [change(part) for part in np.array_split(second, 2)]
    return _network(model, cells, drawn, genes), after - before, change(second), *halves


def _agreement(changes: tuple[np.ndarray, ...], cut: float, random: np.random.Generator) -> dict[str, float]:
    """Return the agreement of predicted and measured change, over pairs correlated in measured cells."""
    there, predicted, measured, half, other = changes
    upper = _upper(predicted)
    kept = np.maximum(np.abs(there), np.abs(there - measured))[upper] >= cut
    p, m = predicted[upper][kept], measured[upper][kept]
    if kept.sum() < 10 or p.std() == 0:
        return {}

    def shuffled() -> float:
        order = random.permutation(len(predicted))
        return abs(float(np.corrcoef(predicted[np.ix_(order, order)][upper][kept], m)[0, 1]))

    agreement = max(float(np.corrcoef(half[upper][kept], other[upper][kept])[0, 1]), 0.0)
    return {
        "r": float(np.corrcoef(p, m)[0, 1]),
        "r_noise": float(np.sqrt(2 * agreement / (1 + agreement))),  # Spearman-Brown, then one side only
        "r_null": max(shuffled() for _ in range(_NULLS)),
        "same_sign": float((np.sign(p) == np.sign(m)).mean()),
        "slope": float(p @ m / (p @ p)),
    }


def _upper(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(len(matrix), 1)


def _pairs(genes: np.ndarray, before, after, there, cut: float) -> pd.DataFrame:
    first, second = _upper(before)
    parts = [matrix[first, second] for matrix in (before, after, there)]
    kept = np.flatnonzero(np.fmax.reduce(np.abs(parts)) >= cut)
    change = parts[1][kept] - parts[0][kept]
    kept = kept[np.argsort(-np.abs(change), kind="stable")]
    return pd.DataFrame(
        {
            "gene_a": genes[first[kept]],
            "gene_b": genes[second[kept]],
            "before": parts[0][kept],
            "after": parts[1][kept],
            "change": parts[1][kept] - parts[0][kept],
            "there": parts[2][kept],
        }
    )
