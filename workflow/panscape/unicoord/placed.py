"""Batches of training cells and their labels, from where the cells are kept."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from panscape.training.device import moved
from panscape.training.placement import placement, source
from panscape.unicoord.device_cells import DeviceCells
from panscape.unicoord.labels import Layout
from panscape.unicoord.targets import Targets, codes

Batch = tuple[Tensor, ...]  # expression, code of the labels, whether it is known, class numbers, values


class PlacedCells:
    """Training cells on the device if they fit there, else on the host (:mod:`panscape.training.placement`).

    Parameters
    ----------
    loader
        Batches of training cells, see :mod:`panscape.unicoord.loader`.
    targets
        Labels of all cells.
    layout
        The labels.
    train
        Numbers of the training cells.
    device
        Device of the batches.
    """

    def __init__(self, loader, targets: Targets, layout: Layout, train: np.ndarray, device: torch.device):
        self._loader, self._targets, self._layout, self._device = loader, targets, layout, device
        cells = loader.cells
        where = placement(None if cells is None else DeviceCells.nbytes(cells), device)
        self._stored, make = None, self._sent
        if where == "device":
            self._stored, make = DeviceCells(cells, device), self._taken
            parts = self._numbers(train)
            self._known = [torch.from_numpy(part).to(device) for part in parts]
        self._batches = source(make, where, device)

    def at(self, number: int) -> Batch:
        """Return the cells of a step."""
        return self._batches.at(number)

    def positions(self, number: int) -> np.ndarray:
        """Return positions among the training cells of the cells of a step; for cells in memory."""
        return self._loader.positions(number)

    def expression(self, positions: np.ndarray) -> Tensor:
        """Return the expression of training cells by their positions; for cells in memory."""
        if self._stored is not None:
            return self._stored.dense(positions)
        return moved(self._loader.expression(positions), self._device)

    def labelled(self, rows: np.ndarray, x: np.ndarray) -> Batch:
        """Return cells of the host, by their numbers and with their expression."""
        return tuple(moved(part, self._device) for part in (x, *self._numbers(rows)))

    def close(self) -> None:
        """Stop what makes batches ahead of the steps, and the loader."""
        self._batches.close()
        del self._batches  # it refers to this object, which would stay in memory with its cells
        self._loader.close()

    def _numbers(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        labels = self._targets.rows(rows)
        return *codes(labels, self._layout), labels.codes, labels.values

    def _sent(self, number: int) -> Batch:
        return self.labelled(*self._loader.batch(number))

    def _taken(self, number: int) -> Batch:
        """Return the cells of a step that are on the device, to which only their positions are sent."""
        positions = self._loader.positions(number)
        places = moved(positions, self._device)
        return self.expression(positions), *(part.index_select(0, places) for part in self._known)
