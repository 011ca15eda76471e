"""Posterior means of cells, and the information of the embedding about withheld counts."""

from __future__ import annotations

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


@torch.no_grad()
def information(
    module: Module, cells: Cells, rows: np.ndarray, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the information of the embedding about withheld counts, in nats per cell by modality.

    Half of each cell's counts are encoded, and the other half is predicted.

    Parameters
    ----------
    module
        The trained model.
    cells
        All cells.
    rows
        Cells to evaluate.
    seed
        Seed of the split of the counts.

    Returns
    -------
    gain
        Gain in log-likelihood over the mean profile of the cell's batch and depths, without zero inflation; 0
        if the embedding carries no information.
    nll
        Negative log-likelihood of these counts, comparable between models of different likelihoods, since all
        are distributions of the same counts; lower is better.
    """
    module.eval()
    gained, lost = np.zeros((2, len(cells.modalities)))
    random = seeds.stream(seed, "coem", "information")
    profiles = [
        torch.from_numpy(m.profile).log().float().to(cells.device)
        + torch.from_numpy(m.offset).to(cells.device)
        for m in cells.modalities
    ]
    for start in range(0, len(rows), ROWS):
        batch = cells.take(rows[start : start + ROWS], thin=0.5, random=random)
        mean, _ = module.encode(batch.seen, batch.shown, batch.batch, batch.label)
        known = module.log_likelihoods(mean, batch)
        without = [
            profile[batch.batch] + decoder.by_depth(batch.depth)
            for profile, decoder in zip(profiles, module.decoders, strict=True)
        ]
        plain = module.log_likelihoods(mean, batch, without)
        gained += (known - plain).sum(0).cpu().numpy()
        lost -= known.sum(0).cpu().numpy()
    names = [m.name for m in cells.modalities]
    gain, nll = (dict(zip(names, (total / len(rows)).tolist(), strict=True)) for total in (gained, lost))
    return gain, nll
