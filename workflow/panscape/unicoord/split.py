"""Split of cells into training, validation and test cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from panscape.training.batches import held_out
from panscape.unicoord.cells import Cells
from panscape.unicoord.settings import Label, UniCoordSettings


def split_cells(cells: Cells, labels: Sequence[Label], settings: UniCoordSettings, seed: int) -> np.ndarray:
    """Return ``train``, ``validation`` or ``test`` of every cell.

    The split is stratified by the first discrete label. It depends on the annotation only, not on expression.

    Parameters
    ----------
    cells
        All cells.
    labels
        Labels that supervise coordinates.
    settings
        `held_out` and `validation`.
    seed
        Seed of the draws.
    """
    name = next(
        (label.name for label in labels if label.kind == "discrete" and label.name in cells.obs), None
    )
    strata = None if name is None else cells.obs[name].astype(str).to_numpy()
    split = np.full(len(cells), "train", dtype=object)
    test = held_out(len(cells), settings.held_out, seed, "unicoord", "test", strata=strata)
    split[test] = "test"
    rest = np.flatnonzero(~test)
    share = settings.validation / (1 - settings.held_out)
    chosen = held_out(
        len(rest), share, seed, "unicoord", "validation", strata=None if strata is None else strata[rest]
    )
    split[rest[chosen]] = "validation"
    return split
