"""UniCoord on AnnData objects and h5ad files: fit, embed, predict, generate, save and load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch

from panscape.errors import fail
from panscape.unicoord.calibrate import conformal_threshold, prediction_sets
from panscape.unicoord.cells import Cells
from panscape.unicoord.labels import LabelInfo
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.score import score_model
from panscape.unicoord.settings import Label, UniCoordSettings
from panscape.unicoord.stage import configured_labels
from panscape.unicoord.targets import targets
from panscape.unicoord.train import train

if TYPE_CHECKING:
    from anndata import AnnData

_THREADS = 1  # as in the workflow's rule: sums, and with them weights, depend on their number


class UniCoord:
    """Learned coordinates of cells, each discrete or continuous, supervised by a label or left free.

    Parameters
    ----------
    settings
        :class:`UniCoordSettings`, or a mapping with the keys of the configuration's section ``unicoord``.
    seed
        Seed of every random step: the same seed, data and settings give the weights of the workflow's stage.
    device
        Where the network is trained and applied, e.g. ``"cpu"`` or ``"cuda"``.
    **changes
        Single settings, instead of or over those of `settings`.

    Attributes
    ----------
    settings : UniCoordSettings
        All settings.
    history : pandas.DataFrame or None
        Terms of the loss along training: step, split, term, value.
    split : numpy.ndarray or None
        ``"train"``, ``"validation"`` or ``"test"`` of every cell that `fit` was given; test cells are used by
        nothing.

    Raises
    ------
    UserError
        For unknown settings.

    References
    ----------
    Key ``unicoord`` of the bibliography; docs/deviations.md lists where this model departs from it.

    Examples
    --------
    >>> from panscape.simulate import simulate_atlas
    >>> study = {"name": "a", "cells": 300, "ages": [0, 10]}
    >>> cells = simulate_atlas(studies=[study], n_genes=120, n_modules=2, module_genes=8, stages=1)
    >>> model = UniCoord(n_latent=3, n_hidden=[16], n_hidden_decoder=[16], n_epochs=1, min_steps=20, seed=1)
    >>> model = model.fit(cells, labels={"lineage": "discrete", "age": "continuous"})
    >>> model.embed(cells).shape
    (300, 9)
    >>> model.predict(cells)["label"].value_counts().to_dict()
    {'age': 300, 'lineage': 300}
    >>> older = model.generate(cells, {"age": 9.0})
    >>> older.shape == cells.shape, set(older.obs["age"])
    (True, {9.0})
    """

    def __init__(
        self,
        settings: UniCoordSettings | Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        **changes: Any,
    ):
        if isinstance(settings, UniCoordSettings):
            settings = {item.name: getattr(settings, item.name) for item in fields(settings)}
        self.settings = UniCoordSettings.of({**(settings or {}), **changes})
        self.seed, self.device = seed, device
        self.history: pd.DataFrame | None = None
        self.split: np.ndarray | None = None
        self._model: CoordinateSystem | None = None

    def __repr__(self) -> str:
        if self._model is None:
            return "UniCoord (not fitted)"
        kinds = ", ".join(f"{label.name} ({label.kind})" for label in self._model.labels)
        return f"UniCoord of {len(self._model.genes)} genes, labels: {kinds or 'none'}"

    @property
    def model(self) -> CoordinateSystem:
        """The trained coordinate system, with what this class leaves out."""
        if self._model is None:
            raise fail("UniCoord", "the model is not fitted", "call fit, or UniCoord.load")
        return self._model

    @property
    def labels(self) -> tuple[LabelInfo, ...]:
        """The supervised labels, in the order of their coordinates."""
        return self.model.labels

    def fit(
        self,
        data: AnnData | str | Path | Sequence[Any],
        *,
        labels: Mapping[str, str] | Sequence[Label | Mapping[str, Any]] | None = None,
        split: Sequence[str] | None = None,
        genes: Sequence[str] | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn coordinates.

        Parameters
        ----------
        data
            Cells x genes: AnnData with counts in ``X``, path of an h5ad file, or a list of them, of which the
            genes that all have are used. Genes are ranked by variability within the column ``study``, if
            there is one.
        labels
            Labels that supervise coordinates: column of ``obs`` -> ``"discrete"``, ``"continuous"`` or
            ``"ordinal"``, or a list of mappings as in the configuration's ``unicoord.labels`` (name, kind,
            order, min_cells, transform, parent). Cells without a value count as unlabelled. None: those of
            cell_type, platform and age that vary.
        split
            (cells,) ``"train"``, ``"validation"`` or ``"test"``; None draws it (settings `held_out` and
            `validation`).
        genes
            The model's genes; None chooses `n_genes` variable ones on the training cells.
        checkpoint
            Folder in which an interrupted training is saved and from which it continues.

        Returns
        -------
        The fitted estimator.

        Raises
        ------
        UserError
            For values that are not counts, and for unusable labels.
        """
        cells = Cells.of(data, counts=self.settings.normalisation != "none")
        chosen, hierarchy = configured_labels({"labels": _listed(labels)}, cells.obs)
        with _threads(_THREADS):
            trained = train(
                cells,
                chosen,
                self.settings,
                hierarchy=hierarchy,
                seed=self.seed,
                split=None if split is None else np.asarray(split, dtype=object),
                genes=genes,
                device=self.device,
                checkpoint=None if checkpoint is None else str(checkpoint),
            )
        self._model, self.history, self.split = trained.model, trained.history, trained.split
        return self

    def embed(
        self, data: AnnData | str | Path | Sequence[Any], *, min_overlap: float = 0.5, missing: str = "mean"
    ) -> pd.DataFrame:
        """Return the coordinates of cells; their own labels are ignored.

        Parameters
        ----------
        data
            As for :meth:`fit`; genes are matched by name.
        min_overlap
            Smallest fraction of the model's genes that the data must have, 0 to 1.
        missing
            Value of absent genes: their training ``"mean"``, or ``"zero"``.

        Returns
        -------
        (cells, coordinates): values in the labels' units, calibrated probabilities of classes, means of the
        unsupervised coordinates.

        Raises
        ------
        UserError
            If fewer genes are there, or the model is not fitted.
        """
        return self.model.embed(data, min_overlap=min_overlap, missing=missing)

    def predict(
        self, data: AnnData | str | Path | Sequence[Any], *, min_overlap: float = 0.5, missing: str = "mean"
    ) -> pd.DataFrame:
        """Predict the labels of cells with calibrated confidence.

        Parameters
        ----------
        data, min_overlap, missing
            As for :meth:`embed`.

        Returns
        -------
        One row per cell and label: cell, label, kind, value (class or number), probability (calibrated; of
        discrete labels), lower and upper (90 % prediction interval; of numbers), unknown_score (fraction of
        known validation cells with a lower nonconformity, 0 to 1) and unknown (whether the cell is unlike
        the training cells).
        """
        return self.model.predict(data, min_overlap=min_overlap, missing=missing)

    def predict_sets(
        self,
        data: AnnData | str | Path | Sequence[Any],
        label: str,
        *,
        calibration: AnnData | str | Path | Sequence[Any],
        alpha: float = 0.1,
        per_class: bool = False,
    ) -> pd.DataFrame:
        """Return the conformal prediction sets of a discrete label.

        For cells like the calibration cells, the set contains the true class with probability 1 - alpha,
        whatever the model (split conformal prediction; Sadinle, Lei and Wasserman 2019).

        Parameters
        ----------
        data
            As for :meth:`embed`.
        label
            Name of a discrete label.
        calibration
            Labelled cells on which the model was not trained, e.g. those of `split` ``"test"``.
        alpha
            Fraction of true classes that may be missed, between 0 and 1.
        per_class
            Guarantee the coverage within every class; needs more calibration cells.

        Returns
        -------
        (cells, classes) booleans: whether the class is in the cell's set; a cell may have no class.

        Raises
        ------
        UserError
            If the label is not a discrete one, or no calibration cell has a known class.
        """
        info = next((item for item in self.labels if item.name == label and item.discrete), None)
        if info is None:
            known = ", ".join(item.name for item in self.model.layout.discrete) or "none"
            raise fail("predict_sets", f"{label!r} is not a discrete label", f"take one of: {known}")
        reference, cells = self.model.cells(calibration), self.model.cells(data)
        at = [item.name for item in self.model.layout.discrete].index(label)
        codes = targets(reference.obs, self.model.layout).codes[:, at]
        known_cells = codes >= 0
        if not known_cells.any():
            raise fail("predict_sets", f"no calibration cell has a known {label}", "give labelled cells")
        with _threads(_THREADS):
            held = self.model.probabilities(reference, label)[known_cells]
            threshold = conformal_threshold(held, codes[known_cells], alpha, per_class=per_class)
            inside = prediction_sets(self.model.probabilities(cells, label), threshold)
        return pd.DataFrame(inside, index=cells.obs.index, columns=list(info.classes))

    def generate(
        self,
        data: AnnData | str | Path | Sequence[Any],
        changes: Mapping[str, Any],
        *,
        samples: bool = False,
        copies: int = 1,
        residual: bool = False,
        unchanged: str = "given",
    ) -> AnnData:
        """Generate cells by changing coordinates of given ones.

        Parameters
        ----------
        data
            Cells to start from, as for :meth:`embed`.
        changes
            Label -> new value: a class or number, an array with one value per cell, ``{"shift": x}`` (of
            numbers), or ``{"between": [a, b, t]}`` with t from 0 to 1. Empty: the cells as reconstructed.
        samples
            Draw the unsupervised coordinates from their posterior instead of taking its mean.
        copies
            Number of copies of each cell; they differ with `samples`.
        residual
            Add the residual of each cell's reconstruction, so that cells keep their noise.
        unchanged
            Labels that are not changed: ``"given"`` (the data's, where known) or ``"predicted"``.

        Returns
        -------
        AnnData: log-normalised expression (the model's normalisation) of cells x the model's genes; ``obs``
        with origin, copy and the labels as set. It is the model's output, not measurement.

        Raises
        ------
        UserError
            For unknown labels or classes, and for arrays of another length.
        """
        return self.model.reconfigured(
            data,
            changes,
            samples=samples,
            copies=copies,
            residual=residual,
            unchanged=unchanged,
            seed=self.seed,
        )

    def evaluate(
        self, data: AnnData | str | Path | Sequence[Any], *, split: Sequence[str] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Score the model on test cells, beside logistic regression, k-NN, ridge and PCA.

        Parameters
        ----------
        data
            All cells: the baselines learn from those that are not test cells.
        split
            (cells,) ``"train"``, ``"validation"`` or ``"test"``; None takes that of :meth:`fit`.

        Returns
        -------
        ``metrics`` (task, model, metric, value, null), ``confusion`` (label, truth, predicted, n) and
        ``calibration`` (label, confidence, accuracy, n), as the workflow writes them.

        Raises
        ------
        UserError
            Without a split, e.g. for a model that was loaded.
        """
        parts = self.split if split is None else np.asarray(split, dtype=str)
        if parts is None:
            raise fail("evaluate", "the model does not know which cells are test cells", "give split")
        with _threads(_THREADS):
            return score_model(self.model, self.model.cells(data), parts, self.seed)

    def save(self, folder: str | Path) -> None:
        """Write ``weights.safetensors`` (tensors only) and ``model.json``, as the workflow does."""
        self.model.save(folder)

    @classmethod
    def load(cls, folder: str | Path, *, device: torch.device | str = "cpu") -> Self:
        """Read a model that :meth:`save` or the workflow wrote; no code is run from the files.

        Parameters
        ----------
        folder
            The model's folder, e.g. ``results/<collection>/unicoord/model``.
        device
            Where the network is applied.

        Raises
        ------
        UserError
            If the folder has no complete model.
        """
        model = CoordinateSystem.load(folder, device)
        loaded = cls(model.settings, seed=model.card.get("seed", 0), device=device)
        loaded._model = model
        return loaded


def _listed(
    labels: Mapping[str, str] | Sequence[Label | Mapping[str, Any]] | None,
) -> list[dict[str, Any]]:
    """Return labels as the configuration lists them."""
    if labels is None:
        return []
    if isinstance(labels, Mapping):
        return [{"name": name, "kind": kind} for name, kind in labels.items()]
    return [dict(vars(label)) if isinstance(label, Label) else dict(label) for label in labels]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
