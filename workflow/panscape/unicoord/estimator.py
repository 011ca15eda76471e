"""UniCoord on AnnData objects and h5ad files: fit, embed, predict, generate, save and load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch

from panscape.training.device import single_thread
from panscape.unicoord.cells import Cells
from panscape.unicoord.configured import configured_labels
from panscape.unicoord.fitted import Fitted
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.settings import Label, UniCoordSettings
from panscape.unicoord.train import train

if TYPE_CHECKING:
    from anndata import AnnData


class UniCoord(Fitted):
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
        Individual settings; they override those of `settings`.

    Attributes
    ----------
    settings : UniCoordSettings
        All settings.
    history : pandas.DataFrame or None
        Terms of the loss along training: step, split, term, value.
    split : numpy.ndarray or None
        ``"train"``, ``"validation"`` or ``"test"`` of every cell passed to `fit`; test cells are used only by
        :meth:`evaluate`.

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
            shared genes are used. Genes are ranked by variability within the column ``study``, if
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
        with single_thread():
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
