"""What is learned once the network is trained: linear classifiers, calibration and interactions of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from panscape.training.batches import permutation
from panscape.unicoord.confidence import Confidence, calibrate
from panscape.unicoord.head import MAX_CELLS, fit_heads, weigh_heads
from panscape.unicoord.interactions import Interaction
from panscape.unicoord.learn_interactions import learn_interactions
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.module import Network
from panscape.unicoord.store import CompressedCounts, Scale
from panscape.unicoord.targets import Targets, codes


@dataclass(frozen=True)
class Known:
    """Cells in memory and their labels."""

    cells: CompressedCounts
    targets: Targets

    def __len__(self) -> int:
        return len(self.targets.codes)


@torch.no_grad()
def finish(
    network: Network, genes: list[str], scale: Scale, train: Known, validation: Known, seed: int
) -> tuple[Confidence, dict[str, Interaction]]:
    """Calibrate a trained network and learn the interactions of its labels.

    Parameters
    ----------
    network
        With its best weights.
    genes, scale
        The model's genes and normalisation.
    train
        Training cells (a sample is enough).
    validation
        Validation cells; without any, nothing is calibrated.
    seed
        Seed of draws and folds.
    """
    settings, layout, confidence = network.settings, network.layout, Confidence({}, {}, {})
    calibrated, mixed = bool(len(validation) and layout.labels), _mixed(network)
    if not calibrated and not mixed:
        return confidence, {}
    heads = {}
    if settings.linear_head and calibrated:
        some = np.arange(len(train))
        if len(train) > MAX_CELLS:
            some = np.sort(permutation(len(train), seed, "unicoord", "head")[:MAX_CELLS])
        heads = fit_heads(layout, train.cells.rows(some), train.targets.rows(some))
    model = CoordinateSystem(network, genes, scale, Confidence({}, {}, {}, heads), {})
    features, _, _, latent = _seen(model, train)
    if calibrated:
        held, votes, linear, _ = _seen(model, validation)
        confidence = calibrate(
            layout,
            (features, train.targets),
            (held, votes, linear, validation.targets),
            settings.unknown_fraction,
            weigh_heads(heads, layout, votes, linear, validation.targets),
            seed,
        )
    if not mixed:
        return confidence, {}
    x = train.cells.rows(np.arange(len(train)))
    return confidence, learn_interactions(layout, latent, x, train.targets)


def _mixed(network: Network) -> bool:
    """Return whether interactions are wanted and there are labels that can interact."""
    free = [label for label in network.layout.discrete if label.name not in network.layout.tables]
    return network.settings.interactions and len(free) > 1 and network.continuous > 0


def _seen(model: CoordinateSystem, known: Known) -> list[np.ndarray]:
    """Return features (n, F), predictions and linear logits (n, labels) and coordinates (n, k) of cells.

    The coordinates are those given the known labels; the rest does not depend on them.
    """
    code, given = codes(known.targets, model.layout)
    results: list[np.ndarray] = []
    for part, block in known.cells.blocks():
        passed = model.encode(block.toarray(), code[part], given[part])
        parts = (passed.features, passed.votes, passed.linear, passed.mean)
        results = results or [np.empty((len(known), values.shape[1]), values.dtype) for values in parts]
        for whole, values in zip(results, parts, strict=True):
            whole[part] = values
    return results
