"""Cells of a stack of models as sparse counts on the device, made dense when a batch is taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from panscape.sivae.sparse_inputs import SparseInputs


class SparseRows:
    """Scaled expression of some cells of every model, (M, N, F), which stays sparse.

    Models with fewer cells are padded by repetition of their last one; the weight of padding is 0.

    Parameters
    ----------
    inputs
        Cells of each model, of the same genes.
    chosen
        Numbers of the cells that are taken, of each model.
    device
        Where to compute.
    """

    block_values = 6_000_000  # 24 MB, which allocators reuse

    def __init__(self, inputs: Sequence[SparseInputs], chosen: Sequence[np.ndarray], device: torch.device):
        self.device, self._inputs, self._chosen = device, inputs, chosen
        self._models = [_Model(model, rows, device) for model, rows in zip(inputs, chosen, strict=True)]
        self.shape = (len(inputs), max(map(len, chosen)), inputs[0].shape[1])

    def __getitem__(self, index: tuple[slice, slice]) -> Tensor:
        """Return a slice of the cells of all models, float32 (M, B, F)."""
        places = torch.arange(self.shape[1], device=self.device)[index[1]]
        return self.picked(places.expand(len(self._models), -1))

    def picked(self, rows: Tensor) -> Tensor:
        """Return cells by their places, int64 (M, B), as float32 (M, B, F)."""
        return torch.stack([model.dense(places) for model, places in zip(self._models, rows, strict=True)])

    def squares(self) -> Tensor:
        """Return the sum of squared values of every cell, (M, N); 0 for padding."""
        sums = torch.zeros(self.shape[:2])
        for at, (one, rows) in enumerate(zip(self._inputs, self._chosen, strict=True)):
            sums[at, : len(rows)] = torch.from_numpy(one.squares()[rows])
        return sums.to(self.device)


class _Model:
    """Counts of one model on the device; those on the CPU share the memory of its input."""

    def __init__(self, inputs: SparseInputs, chosen: np.ndarray, device: torch.device):
        def placed(array: np.ndarray) -> Tensor:
            array = array.view(np.int16) if array.dtype == np.uint16 else array
            return torch.from_numpy(array).to(device)

        depth = np.ones(len(inputs))
        if inputs.normalisation == "depth-log1p":
            depth = np.divide(
                inputs.target, inputs.totals, out=np.zeros(len(inputs)), where=inputs.totals > 0
            )
        self.values, self.columns = placed(inputs.values), placed(inputs.columns)
        self.starts, self.chosen = placed(inputs.starts), placed(chosen)
        self.depth = placed(depth.astype(np.float32))
        self.centre, self.spread = (
            placed(part.astype(np.float32)) for part in (inputs.centre, inputs.spread)
        )

    def dense(self, places: Tensor) -> Tensor:
        """Return chosen cells by their places, float32 (B, F)."""
        rows = self.chosen[places.clamp(max=len(self.chosen) - 1)]
        first = self.starts[rows]
        lengths = self.starts[rows + 1] - first
        cell = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), lengths)
        stored = torch.arange(len(cell), device=rows.device)
        stored += (first - (lengths.cumsum(0) - lengths))[cell]
        column = _whole(self.columns[stored])
        value = torch.log1p(_whole(self.values[stored]).float() * self.depth[rows][cell])
        result = (-self.centre / self.spread).repeat(len(rows), 1)
        value = (value - self.centre[column]) / self.spread[column]
        # every place once: the order does not matter
        return result.view(-1).scatter_(0, cell * result.shape[1] + column, value).view_as(result)


def _whole(stored: Tensor) -> Tensor:
    """Return unsigned 16-bit numbers as int64; others keep their value."""
    if stored.dtype == torch.int16:
        return stored.long().bitwise_and_((1 << 16) - 1)
    return stored if stored.is_floating_point() else stored.long()
