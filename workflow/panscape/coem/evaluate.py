"""Posterior means of cells, and what the embedding tells of withheld counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from panscape import seeds
from panscape.coem.cells import Cells
from panscape.coem.module import Module

ROWS = 512  # cells per block during inference


@torch.no_grad()
def encode_all(
    module: Module, cells: Cells, rows: np.ndarray, only: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior means and variances of z (float64, cells x dimensions).

    Parameters
    ----------
    only
        Index of the only modality shown to the encoder; None shows all that the cells have.
    """
    module.eval()
    means, variances = [], []
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        shown = None
        if only is not None:
            shown = np.zeros((len(part), len(cells.modalities)), dtype=bool)
            shown[:, only] = True
        batch = cells.take(part, shown=shown)
        mean, log_variance = module.encode(batch.seen, batch.shown, batch.batch, batch.label)
        means.append(mean.cpu().numpy().astype(np.float64))
        variances.append(log_variance.exp().cpu().numpy().astype(np.float64))
    return np.concatenate(means), np.concatenate(variances)


@dataclass(frozen=True)
class Carried:
    """What coordinates tell of the withheld counts of cells.

    Attributes
    ----------
    shown
        Modality that the encoder sees, or ``"all"``.
    of
        Modality whose withheld counts are predicted.
    nats
        Mean gain in log-likelihood, nats per cell, over the mean profile of the cell's batch and depths.
    se
        Standard error of `nats` over cells.
    shuffled
        The same gain with the coordinates of another cell of the batch: what unrelated coordinates give.
    nll
        Mean negative log-likelihood of the counts; comparable between models of different likelihoods, since
        all are distributions of the same counts.
    cells
        Number of cells that have both modalities.
    """

    shown: str
    of: str
    nats: float
    se: float
    shuffled: float
    nll: float
    cells: int


def carried(module: Module, cells: Cells, rows: np.ndarray, seed: int) -> list[Carried]:
    """Return what the coordinates, from all modalities and from each alone, tell of each modality.

    Half of each cell's counts are encoded, and the other half is predicted.

    Parameters
    ----------
    module
        The trained model.
    cells
        All cells.
    rows
        Cells to evaluate; these should not have been trained on.
    seed
        Seed of the split of the counts and of the shuffled coordinates.

    Returns
    -------
    One entry per modality shown (``"all"`` first) and predicted; ``"all"`` only where there is one modality.
    """
    names = [m.name for m in cells.modalities]
    result = []
    for only in (None, *range(len(names) if len(names) > 1 else 0)):
        part = rows if only is None else rows[cells.present[rows, only]]
        if not len(part):
            continue
        gain, shuffled, nll = _gains(module, cells, part, seed, only)
        for m, of in enumerate(names):
            here = cells.present[part, m]
            if not here.any():
                continue
            values = gain[here, m]
            result.append(
                Carried(
                    "all" if only is None else names[only],
                    of,
                    float(values.mean()),
                    float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan"),
                    float(shuffled[here, m].mean()),
                    float(nll[here, m].mean()),
                    int(here.sum()),
                )
            )
    return result


@torch.no_grad()
def _gains(
    module: Module, cells: Cells, rows: np.ndarray, seed: int, only: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gains, gains of shuffled coordinates and negative log-likelihoods, each cells x modalities."""
    module.eval()
    random = seeds.stream(seed, "coem", "information")
    other = _others(cells.batch[rows], seeds.stream(seed, "coem", "shuffled"))
    profiles = [
        torch.from_numpy(m.profile).log().float().to(cells.device)
        + torch.from_numpy(m.offset).to(cells.device)
        for m in cells.modalities
    ]
    blocks, means = [], []
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        shown = None
        if only is not None:
            shown = np.zeros((len(part), len(cells.modalities)), dtype=bool)
            shown[:, only] = True
        batch = cells.take(part, shown=shown, thin=0.5, random=random)
        means.append(module.encode(batch.seen, batch.shown, batch.batch, batch.label)[0])
        # the encoder's input is no longer needed
        blocks.append(replace(batch, seen=[]))
    mean = torch.cat(means)
    gain, shuffled, nll = [], [], []
    for block, start in zip(blocks, range(0, len(rows), ROWS), strict=True):
        place = slice(start, start + ROWS)
        without = [
            profile[block.batch] + decoder.by_depth(block.depth)
            for profile, decoder in zip(profiles, module.decoders, strict=True)
        ]
        known = module.log_likelihoods(mean[place], block)
        plain = module.log_likelihoods(mean[place], block, without)
        unrelated = module.log_likelihoods(mean[torch.from_numpy(other[place]).to(mean.device)], block)
        gain.append(known - plain)
        shuffled.append(unrelated - plain)
        nll.append(-known)
    gains, others, losses = (torch.cat(parts).cpu().numpy().astype(float) for parts in (gain, shuffled, nll))
    return gains, others, losses


def _others(batch: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return for each cell another cell of its batch (itself where it is the only one)."""
    other = np.arange(len(batch))
    for b in np.unique(batch):
        members = random.permutation(np.flatnonzero(batch == b))
        other[members] = np.roll(members, 1)
    return other
