"""Cells of a stack of models on the device: dense, or as sparse counts that become dense when taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from panscape.sivae.inputs import Inputs
from panscape.sivae.sparse_cells import SparseRows
from panscape.sivae.sparse_inputs import SparseInputs


class Rows(Protocol):
    """Values of N cells of M models in F genes.

    Models with fewer cells are padded; the weight of padding is 0.
    """

    device: torch.device
    block_values: int  # of predictions in memory at a time

    @property
    def shape(self) -> Sequence[int]:
        """(M, N, F)."""
        ...

    def __getitem__(self, index: tuple[slice, slice]) -> Tensor:
        """Return a slice of the cells of all models, (M, B, F)."""
        ...

    def picked(self, rows: Tensor) -> Tensor:
        """Return cells by their places, int64 (M, B), as (M, B, F)."""
        ...

    def squares(self) -> Tensor:
        """Return the sum of squared values of every cell, (M, N); of padding any finite number."""
        ...


class DenseRows:
    """Cells held as one tensor; padding is 0.

    Parameters
    ----------
    values
        (M, N, F), or (M, N, any).
    """

    block_values = 40_000_000  # 160 MB

    def __init__(self, values: Tensor):
        self._values, self.shape, self.device = values, values.shape, values.device

    def __getitem__(self, index: tuple[slice, slice]) -> Tensor:
        return self._values[index]

    def picked(self, rows: Tensor) -> Tensor:
        """Return cells by their places, int64 (M, B)."""
        models, n = self.shape[:2]
        # rows of one long table are copied five times as fast as by an index per model
        flat = (rows + torch.arange(models, device=rows.device)[:, None] * n).reshape(-1)
        return self._values.flatten(0, 1).index_select(0, flat).unflatten(0, rows.shape)

    def squares(self) -> Tensor:
        """Return the sum of squared values of every cell, (M, N)."""
        return torch.stack([one.square().sum(1) for one in self._values])


def stacked(
    inputs: Sequence[Inputs | np.ndarray], chosen: Sequence[np.ndarray], device: torch.device
) -> Rows:
    """Return some cells of every model; they stay sparse if those of all models are.

    Parameters
    ----------
    inputs
        Cells of each model, of the same genes.
    chosen
        Mask of the cells that are taken, of each model.
    device
        Where to compute.
    """
    sparse = [one for one in inputs if isinstance(one, SparseInputs)]
    if len(sparse) == len(inputs):
        return SparseRows(sparse, [np.flatnonzero(mask) for mask in chosen], device)
    count = [int(mask.sum()) for mask in chosen]
    values = np.zeros((len(inputs), max(count), inputs[0].shape[1]), np.float32)
    for at, (one, mask) in enumerate(zip(inputs, chosen, strict=True)):
        values[at, : count[at]] = one[mask]
    return DenseRows(torch.from_numpy(values).to(device))
