"""Learn a joint embedding of the cells of a sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from scipy import sparse

from panscape import seeds
from panscape.coem.cells import Cells
from panscape.coem.evaluate import carried, encode_all
from panscape.coem.metric import information_units
from panscape.coem.modality import prepare_modality
from panscape.coem.module import Module
from panscape.coem.settings import CoemSettings
from panscape.coem.task import CoemTask
from panscape.errors import fail
from panscape.log import logger
from panscape.training.checkpoint import Checkpoint
from panscape.training.device import single_thread
from panscape.training.loop import Plan, fit
from panscape.training.state import digest

MIN_CELLS = 20


@dataclass(frozen=True)
class Embedding:
    """Coordinates of the cells.

    Attributes
    ----------
    joint
        Coordinates from all modalities of a cell, float32, cells x dimensions, scaled according to `metric`.
    rna, atac
        Coordinates from one modality alone, in the same space; NaN for cells without it, None if no cell has
        it.
    posterior_sd
        Root mean posterior variance of each latent dimension of `joint`, before scaling.
    unit
        Scale factor of each latent dimension in `joint`.
    history
        Training history; rows of step, split, term, model, value.
    info
        Likelihoods, features, `information` (gain in log-likelihood of withheld counts of held-out cells
        given the embedding, nats per cell, by modality), `unseen_nll` (minus the log-likelihood of these
        counts, comparable between likelihoods), `carried` (both, and what each modality alone tells: fields
        of :class:`panscape.coem.evaluate.Carried`), `conditioned` (number of labels the prior is conditioned
        on).
    """

    joint: np.ndarray
    rna: np.ndarray | None
    atac: np.ndarray | None
    posterior_sd: np.ndarray
    unit: np.ndarray
    history: list[dict[str, Any]] = field(repr=False)
    info: dict[str, Any]


def embed(
    rna: sparse.csr_matrix | None,
    atac: sparse.csr_matrix | None,
    *,
    batch: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    settings: CoemSettings | dict[str, Any] | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    checkpoint: str | None = None,
) -> Embedding:
    """Learn a joint embedding of RNA and accessibility (a re-implementation of COEM's first step).

    Parameters
    ----------
    rna, atac
        Raw counts of the same cells, CSR, cells x genes and cells x peaks; None for a modality that was not
        measured. A cell without counts in one of them is embedded by the other.
    batch
        Batch of each cell: the decoder has an offset per batch, so that z need not encode it.
    labels
        Cell types to condition the prior on (as in COEM's paper). Scores against these labels are then
        circular; `info["conditioned"]` records their number.
    settings
        See :class:`CoemSettings`.
    seed
        Seed of all random steps. The CPU computes in one thread.
    device
        Device to train on.
    checkpoint
        Folder for unfinished training; the caller removes it.

    Raises
    ------
    UserError
        If both modalities are missing, there are too few cells, a cell has no counts, or values are not
        counts.
    """
    return embedding_of(
        train(
            rna,
            atac,
            batch=batch,
            labels=labels,
            settings=settings,
            seed=seed,
            device=device,
            checkpoint=checkpoint,
        )
    )


@dataclass(frozen=True)
class Trained:
    """A trained model and the cells it was trained on.

    Attributes
    ----------
    module, cells, settings
        The model, its cells and settings.
    held_out
        Rows of the held-out cells.
    history, info
        See :class:`Embedding`.
    """

    module: Module
    cells: Cells
    settings: CoemSettings
    held_out: np.ndarray
    history: list[dict[str, Any]] = field(repr=False)
    info: dict[str, Any]


@single_thread()
def train(
    rna: sparse.csr_matrix | None,
    atac: sparse.csr_matrix | None,
    *,
    batch: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    settings: CoemSettings | dict[str, Any] | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    checkpoint: str | None = None,
) -> Trained:
    """Train the model; see :func:`embed` for the parameters.

    Parameters
    ----------
    rna, atac, batch, labels, settings, seed, device, checkpoint
        See :func:`embed`.

    Raises
    ------
    UserError
        See :func:`embed`.
    """
    settings, device = CoemSettings.of(settings), torch.device(device)
    cells, info = _prepare(rna, atac, batch, labels, settings, seed, device)
    torch.manual_seed(seeds.derive(seed, "coem", "weights"))
    module = Module(cells.modalities, settings, int(cells.batch.max()) + 1, info["conditioned"]).to(device)
    task = CoemTask(module, cells, settings, seeds.derive(seed, "coem"))
    history = _train(task, seed, checkpoint)
    judged = task.held_rows if len(task.held_rows) else task.train_rows
    told = carried(module, cells, judged, seed)
    info["carried"] = [asdict(one) for one in told]
    info["information"] = {one.of: one.nats for one in told if one.shown == "all"}
    info["unseen_nll"] = {one.of: one.nll for one in told if one.shown == "all"}
    for one in told:
        seen = "both modalities" if one.shown == "all" and len(cells.modalities) > 1 else one.shown
        logger.info(
            "%s: coordinates from %s predict withheld counts of held-out cells by %.1f nats per cell "
            "(standard error %.1f) better than depth and mean profile do; those of another cell by %.1f",
            one.of, one.of if seen == "all" else seen, one.nats, one.se, one.shuffled,
        )  # fmt: skip
        if one.shown == "all" and one.nats <= 0:
            logger.warning("%s: the embedding does not generalise to held-out cells", one.of)
    return Trained(module, cells, settings, task.held_rows, history, info)


def _train(task: CoemTask, seed: int, checkpoint: str | None) -> list[dict[str, Any]]:
    """Train the model, restore the best weights and return the history."""
    kept = None
    if checkpoint is not None:
        cells = task.cells
        data = digest(*[m.counts for m in cells.modalities], cells.batch, cells.label)
        kept = Checkpoint(checkpoint, {"settings": asdict(task.settings), "seed": seed, "data": data})
    plan = Plan(task.steps, validate_every=task.per_epoch, record_every=task.per_epoch)
    try:
        history = fit(task, plan, seed=seeds.derive(seed, "coem"), checkpoint=kept)
    finally:
        task.close()
    task.module.load_state_dict(task.best.weights)
    return history


def _prepare(rna, atac, batch, labels, settings, seed, device) -> tuple[Cells, dict[str, Any]]:
    given = {name: counts for name, counts in (("rna", rna), ("atac", atac)) if counts is not None}
    if not given:
        raise fail("sample", "neither RNA nor accessibility is given", "give at least one of them")
    sizes = {name: counts.shape[0] for name, counts in given.items()}
    if len(set(sizes.values())) > 1:
        raise fail("sample", f"different numbers of cells: {sizes}", "give both modalities of the same cells")
    n = next(iter(sizes.values()))
    if n < MIN_CELLS:
        raise fail(
            "sample", f"{n} cells", f"an embedding is learned from {MIN_CELLS} cells or more", few=True
        )
    codes = _codes(batch, n, "batch")
    modalities = [
        prepare_modality(sparse.csr_matrix(x), name, settings, seed, codes) for name, x in given.items()
    ]
    names, label = (
        (None, None) if labels is None else np.unique(np.asarray(labels).astype(str), return_inverse=True)
    )
    cells = Cells(modalities, codes, label, device)
    empty = ~cells.present.any(1)
    if empty.any():
        raise fail(
            "sample",
            f"{int(empty.sum())} cells have no count in a modelled feature (the first: {empty.argmax()})",
            "leave them out, or widen coem.peak_fraction and lower coem.min_gene_cells",
        )
    if names is not None:
        logger.warning(
            "the embedding is conditioned on %d labels: scores against them are circular", len(names)
        )
    info = {
        "modalities": [m.name for m in modalities],
        "likelihoods": {m.name: m.likelihood for m in modalities},
        "features": {m.name: len(m.features) for m in modalities},
        "cells_of_one_modality": int((~cells.present.all(1)).sum()),
        "batches": int(codes.max()) + 1,
        "conditioned": 0 if names is None else len(names),
    }
    return cells, info


def _codes(values: np.ndarray | None, n: int, what: str) -> np.ndarray:
    if values is None:
        return np.zeros(n, dtype=np.int64)
    if len(values) != n:
        raise ValueError(f"{len(values)} values of {what} for {n} cells")
    return np.unique(np.asarray(values).astype(str), return_inverse=True)[1].astype(np.int64)


@single_thread()
def embedding_of(trained: Trained) -> Embedding:
    """Return the coordinates of the cells that a model was trained on."""
    module, cells, held = trained.module, trained.cells, trained.held_out
    mean, variance = encode_all(module, cells, np.arange(cells.n))
    scale = trained.settings.metric == "information"
    unit = information_units(mean, variance, held) if scale else np.ones(mean.shape[1])
    views = {}
    for number, modality in enumerate(cells.modalities):
        rows = np.flatnonzero(modality.present)
        alone, spread = encode_all(module, cells, rows, only=number)
        judged = np.flatnonzero(np.isin(rows, held))
        unit_alone = information_units(alone, spread, judged) if scale else unit
        view = np.full(mean.shape, np.nan, dtype=np.float32)
        view[rows] = alone * unit_alone
        views[modality.name] = view
    posterior_sd = np.sqrt(variance.mean(axis=0))
    joint = (mean * unit).astype(np.float32)
    return Embedding(
        joint, views.get("rna"), views.get("atac"), posterior_sd, unit, trained.history, trained.info
    )
