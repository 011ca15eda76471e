"""Training and calibration of a coordinate system."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from panscape import seeds
from panscape.errors import fail
from panscape.log import logger
from panscape.training.batches import permutation
from panscape.training.checkpoint import Checkpoint
from panscape.training.loop import Plan, fit
from panscape.training.state import digest
from panscape.unicoord.cells import Cells
from panscape.unicoord.checks import MIN_CELLS, check_genes, check_split, fitting_size
from panscape.unicoord.finish import Known, finish
from panscape.unicoord.genes import choose_genes
from panscape.unicoord.labels import Layout, learn_labels
from panscape.unicoord.loader import MemoryLoader, StreamLoader
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.module import Network
from panscape.unicoord.settings import Hierarchy, Label, UniCoordSettings
from panscape.unicoord.sketch import sketches
from panscape.unicoord.split import split_cells
from panscape.unicoord.start import project, start
from panscape.unicoord.store import CompressedCounts, Scale
from panscape.unicoord.targets import Targets, codes, targets
from panscape.unicoord.task import UniCoordTask
from panscape.versions import versions

_SAMPLE = 10_000  # maximum number of training cells of the linear start and of the classes' covariance
_VALIDATED = 5000  # maximum number of validation cells
_VALIDATIONS = 15  # validations during training


@dataclass(frozen=True)
class Trained:
    """Result of training.

    Attributes
    ----------
    model
        With its best weights.
    history
        step, split (``train``, ``heldout``: the validation cells), term, value.
    split
        (cells,) ``train``, ``validation`` or ``test``: the latter two are not trained on; test cells are not
        used at all.
    """

    model: CoordinateSystem
    history: pd.DataFrame
    split: np.ndarray


def train(
    data,
    labels: Sequence[Label | Mapping[str, Any]],
    settings: UniCoordSettings | Mapping[str, Any] | None = None,
    *,
    hierarchy: Sequence[Hierarchy] = (),
    seed: int = 0,
    split: np.ndarray | None = None,
    genes: Sequence[str] | None = None,
    groups: np.ndarray | None = None,
    device: torch.device | str = "cpu",
    checkpoint: str | None = None,
) -> Trained:
    """Train a coordinate system.

    Parameters
    ----------
    data
        AnnData with counts, path of an h5ad file, or a list of them.
    labels
        Labels that supervise coordinates; missing values are allowed.
    settings
        See :class:`UniCoordSettings`.
    hierarchy
        Discrete labels whose classes are sums of another one's.
    seed
        Seed of every random step.
    split
        (cells,) ``train``, ``validation``, ``test``; None draws it.
    genes
        The model's genes; None chooses variable ones on the training cells.
    groups
        (cells,) studies, within which genes are ranked by variability; None: the column `study`, if any.
    device
        Where the network is trained.
    checkpoint
        Folder for the state of unfinished training.

    Raises
    ------
    UserError
        For unusable labels or values.
    """
    settings = UniCoordSettings.of(settings)
    known = [Label.of(label) for label in labels]
    cells = Cells.of(data, counts=settings.normalisation != "none")
    split = split_cells(cells, known, settings, seed) if split is None else np.asarray(split, dtype=object)
    check_split(split, len(cells))
    chosen = split == "train"
    if chosen.sum() < MIN_CELLS:
        raise fail(
            "unicoord",
            f"{int(chosen.sum())} cells are left to train on",
            "lower held_out and validation",
            few=True,
        )
    layout = learn_labels(cells.obs[chosen], known, hierarchy, standardise=settings.standardise)
    labelled = targets(cells.obs, layout)
    if groups is None and "study" in cells.obs:
        groups = cells.obs["study"].astype(str).to_numpy()
    if genes is None:
        genes = choose_genes(cells, chosen, settings.n_genes, groups)
    check_genes(genes, cells.genes)
    settings = fitting_size(settings, int(chosen.sum()), len(genes))
    scale = Scale(settings.normalisation, float(np.median(cells.totals[chosen])))
    run = _Run(cells, labelled, layout, list(genes), scale, settings, seed, torch.device(device))
    return run.go(split, checkpoint)


@dataclass
class _Run:
    """A training run: cells, targets and settings."""

    cells: Cells
    targets: Targets
    layout: Layout
    genes: list[str]
    scale: Scale
    settings: UniCoordSettings
    seed: int
    device: torch.device

    def go(self, split: np.ndarray, checkpoint: str | None) -> Trained:
        """Train and calibrate the model, and write its card."""
        train = split == "train"
        rows = np.flatnonzero(train)
        streams = self.cells.nnz * 8 / 1e6 > self.settings.stream_above_mb
        sample = self._pick(rows, _SAMPLE, "sample")
        held = self._pick(np.flatnonzero(split == "validation"), _VALIDATED, "validation")
        kept = np.union1d(sample if streams else rows, held)
        store = self._read(kept)  # in one pass over the files
        cells = store.take(np.searchsorted(kept, sample))
        held_cells = store.take(np.searchsorted(kept, held))
        data = self._digest(split, cells)
        network = self._network(cells, sample)
        loader, graph = self._loader(
            None if streams else store.take(np.searchsorted(kept, rows)), rows, train, network
        )
        steps = max(self.settings.n_epochs * loader.steps, self.settings.min_steps)
        task = UniCoordTask(network, loader, self.targets, rows, (held_cells, held), steps, graph)
        logger.info(
            "training on %s cells, %s held out, %s genes, %s steps of %s cells%s",
            len(rows), int((~train).sum()), len(self.genes), steps, self.settings.batch_size,
            ", streamed" if streams else "",
        )  # fmt: skip
        every = max(steps // _VALIDATIONS, 1)
        saved = Checkpoint(checkpoint, self._identity(data)) if checkpoint else None
        plan = Plan(steps, every)
        try:
            rows_of = fit(
                task, plan, seed=seeds.derive(self.seed, "unicoord", "fit"), checkpoint=saved,
                what=f"batches of {self.settings.batch_size} cells",
            )  # fmt: skip
        finally:
            task.cells.close()
        task.finish()
        confidence, interactions = finish(
            network,
            self.genes,
            self.scale,
            Known(cells, self.targets.rows(sample)),
            Known(held_cells, self.targets.rows(held)),
            self.seed,
        )
        card = self._card(split, data, task)
        model = CoordinateSystem(network, self.genes, self.scale, confidence, card, interactions)
        return Trained(model, pd.DataFrame(rows_of).drop(columns="model", errors="ignore"), split)

    def _read(self, rows: np.ndarray) -> CompressedCounts:
        """Return some cells (ascending numbers)."""

        def stored():
            for part, block in self.cells.blocks(self.genes):
                inside = rows[slice(*np.searchsorted(rows, (part.start, part.stop)))]
                if len(inside):
                    yield block[inside - part.start], self.cells.totals[inside]

        return CompressedCounts(stored(), len(self.genes), self.scale)

    def _pick(self, rows: np.ndarray, most: int, name: str) -> np.ndarray:
        if len(rows) <= most:
            return rows
        return np.sort(rows[permutation(len(rows), self.seed, "unicoord", name)[:most]])

    def _network(self, cells: CompressedCounts, sample: np.ndarray) -> Network:
        torch.manual_seed(seeds.derive(self.seed, "unicoord", "weights"))
        components = max(
            min(self.settings.n_components, len(cells) - 1, len(self.genes) - 1), self.settings.n_latent
        )
        network = Network(self.layout, len(self.genes), self.settings, components)
        code, given = codes(self.targets.rows(sample), self.layout)
        start(network, cells, code, given, self.seed)
        return network.to(self.device)

    def _loader(self, cells: CompressedCounts | None, rows: np.ndarray, train: np.ndarray, network: Network):
        seed = seeds.derive(self.seed, "unicoord", "feed")
        if cells is None:
            if self.settings.diffusion:
                advice = "raise stream_above_mb, or set diffusion: 0"
                raise fail(
                    "unicoord.diffusion", "the cells do not fit in memory, which the kNN graph needs", advice
                )
            return StreamLoader(
                self.cells, train, self.genes, self.scale, self.settings.batch_size, seed
            ), None
        loader = MemoryLoader(cells, rows, self.settings.batch_size, seed)
        graph = None
        if self.settings.diffusion:
            from panscape.graph.neighbors import neighbors

            near = self.settings.n_neighbors
            graph, _ = neighbors(project(network, cells), near, seed=self.seed)
        return loader, graph

    def _digest(self, split: np.ndarray, cells: CompressedCounts) -> str:
        """Return a digest of the training data; expression by a sample of the training cells."""
        seen = [digest(block) for _, block in cells.blocks()]
        numbers = (self.targets.codes, self.targets.values, self.cells.totals)
        return digest(split.astype("S10"), *numbers, *seen, self.genes)

    def _identity(self, data: str) -> dict[str, Any]:
        return {
            "settings": dataclasses.asdict(self.settings),
            "labels": [dataclasses.asdict(label) for label in self.layout.labels],
            "data": data,
            "seed": self.seed,
        }

    def _card(self, split: np.ndarray, data: str, task: UniCoordTask) -> dict[str, Any]:
        count = {name: int((split == name).sum()) for name in ("train", "validation", "test")}
        criterion = task.best["rest"].value
        return {
            "what": "UniCoord coordinate system: predicts labels of cells and generates expression from them",
            "cells": count,
            "data_digest": data,
            "studies": sketches(self.cells),
            "seed": self.seed,
            "criterion": None if criterion is None else float(criterion),
            "versions": versions(["torch", "numpy", "scipy", "scikit-learn"])
            | {"python": platform.python_version()},
            "limits": (
                "Generated expression is the model's output, not measured; probabilities hold for cells like "
                "the validation cells."
            ),
        }
