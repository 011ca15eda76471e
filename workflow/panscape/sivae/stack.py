"""Stacked cells of several models, and mini-batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from panscape.sivae.bins import Bin
from panscape.sivae.rows import DenseRows, Rows, stacked
from panscape.sivae.settings import SivaeSettings
from panscape.training.batches import Batches
from panscape.training.device import moved


@dataclass(frozen=True)
class Batch:
    """Some cells of all models, (M, B, ...); `squares` (M, B) are sums of squared values over genes."""

    inputs: Tensor
    values: Tensor
    covariates: Tensor
    library: Tensor
    squares: Tensor


@dataclass(frozen=True)
class Cells:
    """Cells of all models, padded to equal number, (M, N, ...).

    `squares` (M, N) are sums of squared values over genes, `count` is the number of cells per model.
    """

    inputs: Rows
    values: Rows
    covariates: Tensor
    library: Tensor
    squares: Tensor
    count: tuple[int, ...]

    @property
    def mask(self) -> Tensor:
        """1 for cells, 0 for padding, (M, N)."""
        places = torch.arange(self.inputs.shape[1], device=self.inputs.device)
        return (places[None] < torch.tensor(self.count, device=places.device)[:, None]).float()

    def take(self, rows: np.ndarray | slice) -> Batch:
        """Return a subset: a slice of all models, or rows of each, (M, B)."""
        if not isinstance(rows, slice):
            return self.picked(moved(rows, self.inputs.device))
        inputs = self.inputs[:, rows]
        values = inputs if self.values is self.inputs else self.values[:, rows]
        return Batch(inputs, values, self.covariates[:, rows], self.library[:, rows], self.squares[:, rows])

    def picked(self, rows: Tensor) -> Batch:
        """Return rows of each model, int64 (M, B), on the device of the cells."""
        inputs = self.inputs.picked(rows)
        values = inputs if self.values is self.inputs else self.values.picked(rows)
        parts = (self.covariates, self.library, self.squares)
        covariates, library, squares = (DenseRows(tensor).picked(rows) for tensor in parts)
        return Batch(inputs, values, covariates, library, squares)


def stack_cells(bins: Sequence[Bin], test: bool, settings: SivaeSettings, device: torch.device) -> Cells:
    """Stack the training or held-out cells of all bins.

    Parameters
    ----------
    bins
        Cells of each model.
    test
        Whether to take the held-out cells.
    settings
        Settings; `likelihood` determines the target values.
    device
        Where to compute.
    """
    chosen = [bin_.test == test for bin_ in bins]
    count = tuple(int(mask.sum()) for mask in chosen)
    n, width = max(count), max(bin_.known.shape[1] for bin_ in bins)
    counts = settings.likelihood == "nb"
    covariates = np.zeros((len(bins), n, width), np.float32)
    library = np.ones((len(bins), n, 1), np.float32)
    for at, (bin_, mask) in enumerate(zip(bins, chosen, strict=True)):
        covariates[at, : count[at], : bin_.known.shape[1]] = bin_.known[mask]
        if counts:
            library[at, : count[at], 0] = bin_.values[mask].sum(axis=1)
    known, totals = torch.from_numpy(covariates).to(device), torch.from_numpy(library).to(device)
    inputs = stacked([bin_.inputs for bin_ in bins], chosen, device)
    values = stacked([bin_.values for bin_ in bins], chosen, device) if counts else inputs
    return Cells(inputs, values, known, totals, values.squares(), count)


def batch_orders(bins: Sequence[Bin], count: Sequence[int], size: int, seed: int) -> list[Batches]:
    """Return the mini-batches of every model, over epochs of its cells, in batches of nearly equal size.

    Parameters
    ----------
    bins
        Cells of each model.
    count
        Number of training cells of each model.
    size
        Maximum number of cells per batch.
    seed
        Seed of the order.
    """
    return [
        Batches(n, -(-n // -(-n // size)), seed, "sivae", bin_.line, bin_.name)
        for bin_, n in zip(bins, count, strict=True)
    ]


def batch_rows(orders: Sequence[Batches], step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mini-batch of every model in a step, and the weights of the cells.

    Parameters
    ----------
    orders
        From :func:`batch_orders`.
    step
        Index of the step.

    Returns
    -------
    rows
        (M, B): cell numbers, 0 where padded.
    weight
        float32, (M, B): 1 / number of cells in the model's batch, 0 where padded.
    """
    drawn = [order.at(step) for order in orders]
    widest = max(map(len, drawn))
    rows = np.zeros((len(drawn), widest), np.int64)
    weight = np.zeros(rows.shape, np.float32)
    for at, model_rows in enumerate(drawn):
        rows[at, : len(model_rows)], weight[at, : len(model_rows)] = model_rows, 1 / len(model_rows)
    return rows, weight
