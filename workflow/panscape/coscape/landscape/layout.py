"""Two-dimensional layout of the landscape by ForceAtlas2 (Jacomy et al. 2014)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.graph.components import components


def force_layout(
    weights: sparse.csr_matrix,
    seed: int,
    *,
    iterations: int = 500,
    scaling: float = 2.0,
    gravity: float = 1.0,
    theta: float = 1.2,
    pack: bool = True,
) -> np.ndarray:
    """Lay out a graph with ForceAtlas2 from seeded random positions.

    Parameters
    ----------
    weights
        CSR (n, n), symmetric, without loops.
    seed
        Seed of the random start; equal seeds give equal layouts.
    iterations, scaling, gravity, theta
        As in ForceAtlas2; the defaults are those of the released code.
    pack
        Lay out each connected component separately and pack them, largest first, so that components neither
        overlap nor drift apart. False lays out all at once, as published.

    Returns
    -------
    (n, 2) float64.
    """
    options = {
        "iterations": iterations,
        "scaling": scaling,
        "gravity": gravity,
        "theta": theta,
    }
    count = weights.shape[0]
    if not pack:
        return _draw(weights, seed, **options)
    part = components(weights)
    groups = [np.flatnonzero(part == number) for number in range(part.max(initial=-1) + 1)]
    shapes = [_draw(weights[group][:, group], seed, **options) for group in groups]
    place = np.zeros((count, 2))
    for group, shape in zip(groups, _packed(shapes), strict=True):
        place[group] = shape
    return place


def _draw(weights: sparse.csr_matrix, seed: int, *, iterations, scaling, gravity, theta) -> np.ndarray:
    if weights.shape[0] == 1:
        return np.zeros((1, 2))
    from fa2 import ForceAtlas2

    model = ForceAtlas2(
        scalingRatio=scaling, gravity=gravity, barnesHutTheta=theta, seed=int(seed), verbose=False
    )
    place = np.array(model.forceatlas2(weights, iterations=iterations), dtype=np.float64)
    return place.reshape(-1, 2) - place.mean(axis=0)


def _packed(shapes: list[np.ndarray]) -> list[np.ndarray]:
    """Pack layouts in rows into an approximately square area."""
    boxes = [np.maximum(np.ptp(shape, axis=0), 1e-9) for shape in shapes]
    if len(shapes) < 2:
        return shapes
    gap = 0.06 * max(box.max() for box in boxes)
    gap = gap if gap > 1e-6 else 1.0
    width = max(max(box[0] for box in boxes), 1.2 * np.sqrt(sum(np.prod(box + gap) for box in boxes)))
    placed, left, top, height = [], 0.0, 0.0, 0.0
    for shape, box in zip(shapes, boxes, strict=True):
        if left > 0 and left + box[0] > width:
            left, top, height = 0.0, top - height - gap, 0.0
        corner = np.array([shape[:, 0].min(), shape[:, 1].max()])
        placed.append(shape - corner + np.array([left, top]))
        left += box[0] + gap
        height = max(height, box[1])
    return placed
