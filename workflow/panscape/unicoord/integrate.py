"""Coordinates without batches: all cells as if they were of one batch, then aligned by clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from panscape import seeds
from panscape.errors import fail
from panscape.stats.threads import limited
from panscape.unicoord.generate import _hard, _hard_free
from panscape.unicoord.interactions import moved
from panscape.unicoord.reconfigure import reconfigured_code

if TYPE_CHECKING:
    from panscape.unicoord.cells import Cells
    from panscape.unicoord.model import CoordinateSystem

AUTO = "auto"
USUAL = ("platform", "batch", "study", "donor", "sample")
"""Labels that are taken for the batch, in this order."""
_CELLS, _CLUSTERS = 30, 100  # cells per cluster, and maximum number of clusters
_SAMPLE = 10_000  # maximum number of cells from which the initial clusters are found
_ROUNDS, _INNER = 10, 3  # rounds of the alignment, and of the clusters within each
_WIDTH = 0.1  # of the soft clusters, in squared distance on the unit sphere
_DONE = 1e-3  # mean change of a coordinate, in standard deviations, below which the alignment ends


def batch_label(model: CoordinateSystem, wanted: str | None) -> str | None:
    """Return the discrete label whose effect is to be removed, or None.

    Parameters
    ----------
    model
        A trained model.
    wanted
        Name of a label; ``"auto"``: the first of platform, batch, study, donor and sample that the model
        has; None: none.

    Raises
    ------
    UserError
        If the model has no such discrete label.
    """
    names = [label.name for label in model.layout.discrete if label.name not in model.layout.tables]
    if wanted == AUTO:
        return next((name for name in USUAL if name in names), None)
    if wanted is not None and wanted not in names:
        known = ", ".join(names) or "none"
        raise fail("unicoord.integrate", f"{wanted!r} is not a discrete label", f"take one of: {known}")
    return wanted


@torch.no_grad()
def integrated(model: CoordinateSystem, cells: Cells, batch: str, seed: int = 0) -> np.ndarray:
    """Return coordinates in which the cells' batch is not seen.

    Cells are decoded with the batch set to its most frequent class and all other labels as predicted, and
    projected on the model's principal components. What is left of batches is removed cluster by cluster, as
    Harmony does.

    Parameters
    ----------
    model
        A trained model.
    cells
        The cells; those without a known batch are set from the predicted one.
    batch
        A discrete label, e.g. ``"platform"``.
    seed
        Seed of the clusters.

    Returns
    -------
    (n, components), float32: principal components, or genes for a model without components.
    """
    code, given = model.known_labels(cells.obs)
    part = model.layout.part(batch)
    given[:, np.setdiff1d(np.arange(given.shape[1]), np.arange(part.start, part.stop))] = False
    made, of_batch = [], np.empty(len(cells), dtype=np.int64)
    for rows, x in model.dense(cells, 0.0, "mean"):
        passed = model.encode(x, code[rows], given[rows])
        now = np.where(given[rows], code[rows], _hard(model, passed.votes))
        then = reconfigured_code(model.layout, now, {batch: model.layout[batch].classes[0]})
        latent = passed.mean + moved(model.layout, model.interactions, now, then)
        decoded = model.decode(then, latent, _hard_free(model, passed.free))
        made.append(
            model.network.features(torch.from_numpy(decoded).to(model.network.centre.device)).cpu().numpy()
        )
        of_batch[rows] = now[:, part].argmax(axis=1)
    if not made:
        return np.empty((0, model.network.ensemble.weights[0].shape[1]), np.float32)
    return align(np.concatenate(made).astype(np.float64), of_batch, seed).astype(np.float32)


def align(points: np.ndarray, batch: np.ndarray, seed: int = 0) -> np.ndarray:
    """Move batches onto each other within soft clusters to which all batches contribute.

    The method of Harmony (Korsunsky et al. 2019, key ``korsunsky2019harmony``): cells are clustered by
    their direction, with a penalty for clusters in which a batch is over-represented, and in each cluster the
    batches are moved onto the mean of the cluster.

    Parameters
    ----------
    points
        (n, d) coordinates.
    batch
        (n,) numbers of the batches.
    seed
        Seed of the initial clusters.

    Returns
    -------
    (n, d); the same points if there is one batch.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal([5.0, 0.0], 1.0, (200, 2))
    >>> batch = np.arange(200) % 2
    >>> points[batch == 1] += [0.0, 3.0]
    >>> moved = align(points, batch)
    >>> bool(abs(moved[batch == 1].mean(axis=0) - moved[batch == 0].mean(axis=0)).max() < 0.5)
    True
    """
    names, code = np.unique(batch, return_inverse=True)
    if len(names) < 2:
        return points
    member = np.eye(len(names))[code]
    scale = points.std(axis=0).max()
    centres, now = _initial(_unit(points), seed), points
    for _ in range(_ROUNDS):
        unit = _unit(now)
        for _ in range(_INNER):
            share = _shares(unit, centres, member, code)
            centres = _unit(share.T @ unit)
        before, now = now, _without_batches(points, share, member, code)
        if np.abs(now - before).mean() < _DONE * scale:
            break
    return now


def _unit(points: np.ndarray) -> np.ndarray:
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)


def _initial(unit: np.ndarray, seed: int) -> np.ndarray:
    """Return directions (K, d) of clusters of a sample of the cells."""
    from sklearn.cluster import KMeans

    count = int(np.clip(round(len(unit) / _CELLS), 2, _CLUSTERS))
    random = seeds.stream(seed, "integrate")
    some = random.permutation(len(unit))[:_SAMPLE]
    found = KMeans(min(count, len(some)), n_init=1, random_state=int(random.integers(2**31)))
    with limited(1):
        return _unit(found.fit(unit[some]).cluster_centers_)


def _shares(unit: np.ndarray, centres: np.ndarray, member: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return soft assignments (n, K), lower for clusters with too many cells of the same batch."""
    near = np.exp((unit @ centres.T - 1) * (2 / _WIDTH))
    share = near / np.maximum(near.sum(axis=1, keepdims=True), 1e-300)
    for _ in range(2):
        seen = share.T @ member
        expected = np.outer(share.sum(axis=0), member.mean(axis=0))
        share = near * ((expected + 1) / (seen + 1))[:, code].T
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    return share


def _without_batches(
    points: np.ndarray, share: np.ndarray, member: np.ndarray, code: np.ndarray
) -> np.ndarray:
    """Return points less the shift of their batch in each cluster; shifts of few cells are shrunk."""
    result, number = points.copy(), share.T @ member
    for at in range(share.shape[1]):
        weight = share[:, [at]]
        mean = (weight * points).sum(axis=0) / max(weight.sum(), 1e-12)
        sums = (weight * member).T @ points
        shift = (sums - number[at][:, None] * mean) / (number[at][:, None] + 1)
        result -= weight * shift[code]
    return result
