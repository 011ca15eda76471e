"""Trained COEM model without its cells: encoding of new cells, expected counts, file format."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from panscape.coem.cells import Cells
from panscape.coem.embed import Trained
from panscape.coem.evaluate import ROWS
from panscape.coem.modality import Modality
from panscape.coem.module import Module
from panscape.coem.pair import Pair
from panscape.coem.settings import CoemSettings
from panscape.errors import fail
from panscape.training.state import with_prefix, without_prefix
from panscape.training.weights import (
    check_finite,
    check_format,
    check_genes,
    loading,
    read_weights,
    write_weights,
)

FORMAT = 1
KIND = "COEM"
META = ("settings", "modalities", "features", "columns", "batches", "labels")
MORE = ("seed", "info", "batch_key", "condition_on")  # of COEM.save
ADVICE = "give a file of COEM.save"
ARRAYS = ("features", "profile", "offset", "weight", "centre", "loadings")  # of a modality


@dataclass(frozen=True)
class Stored:
    """A trained model.

    Attributes
    ----------
    module, settings
        The model and its settings.
    modalities
        Quantities fixed before training, without counts.
    unit
        Scale factor of each dimension, (dimensions,).
    depth_scale
        See :class:`Cells`.
    median_depth
        Median depth of the training cells by modality.
    features
        Modality -> names of the modelled features.
    columns
        Modality -> number of columns expected of matrices without names.
    batches, labels
        Names of the batches (None: a single batch) and of the prior's labels (None: not conditioned).
    """

    module: Module
    settings: CoemSettings
    modalities: list[Modality]
    unit: np.ndarray
    depth_scale: np.ndarray
    median_depth: np.ndarray
    features: dict[str, list[str]]
    columns: dict[str, int]
    batches: list[str] | None
    labels: list[str] | None

    @classmethod
    def of(
        cls,
        trained: Trained,
        unit: np.ndarray,
        names: Mapping[str, pd.Index | None],
        sizes: Mapping[str, int],
        batch: np.ndarray | None,
        labels: np.ndarray | None,
    ) -> Stored:
        """Return a trained model without its cells.

        Parameters
        ----------
        trained
            The model.
        unit
            See :class:`panscape.coem.embed.Embedding`.
        names
            Modality -> names of all given features, None where they have none.
        sizes
            Modality -> number of all given features.
        batch, labels
            Batch and label of each cell, if given.
        """
        cells = trained.cells
        features = {}
        for m in cells.modalities:
            index = names[m.name]
            features[m.name] = [str(at if index is None else index[at]) for at in m.features]
        return cls(
            trained.module.eval(),
            trained.settings,
            [_empty(modality) for modality in cells.modalities],
            unit,
            cells.depth_scales,
            np.array([float(np.median(m.depth[m.present])) for m in cells.modalities]),
            features,
            dict(sizes),
            None if batch is None else sorted(set(map(str, batch))),
            None if labels is None else sorted(set(map(str, labels))),
        )

    def cells(self, pair: Pair, batch: np.ndarray | None, labels: np.ndarray | None) -> Cells:
        """Map cells to the model's features, batches and labels.

        Parameters
        ----------
        pair
            Counts of the cells; a modality of the model may be absent.
        batch, labels
            Batch and label of each cell, where the model has them.

        Raises
        ------
        UserError
            If features are missing, batches or labels unknown, or a cell has no counts.
        """
        n, modalities = len(pair.obs), []
        for m in self.modalities:
            counts = sparse.csr_matrix((n, len(m.features)), dtype=np.float32)
            if m.name in pair.counts:
                counts = pair.counts[m.name][:, self._columns(m, pair)]
                counts.sort_indices()
            depth = np.asarray(counts.sum(axis=1)).ravel().astype(np.float32)
            modalities.append(replace(m, counts=counts, depth=depth))
        codes = _codes(batch, self.batches, "batch")
        codes = np.zeros(n, dtype=np.int64) if codes is None else codes
        device = next(self.module.parameters()).device
        cells = Cells(modalities, codes, _codes(labels, self.labels, "label"), device, self.depth_scale)
        if (empty := ~cells.present.any(1)).any():
            raise fail(
                "data", f"{int(empty.sum())} cells have no count in a modelled feature", "leave them out"
            )
        return cells

    def _columns(self, m: Modality, pair: Pair) -> np.ndarray:
        index, width = pair.features[m.name], pair.counts[m.name].shape[1]
        if index is None:
            if width != self.columns[m.name]:
                problem = f"{width} features, the model was fitted on {self.columns[m.name]}"
                raise fail(m.name, problem, "give the same columns, or an AnnData with names")
            return m.features
        columns = index.get_indexer(self.features[m.name])
        if (columns < 0).any():
            missing = self.features[m.name][int(np.argmin(columns))]
            problem = f"{int((columns < 0).sum())} of the {len(columns)} modelled features are missing"
            raise fail(m.name, f"{problem}, e.g. {missing}", "give data with the same feature names")
        return columns

    def write(self, path: str | Path, more: Mapping[str, Any]) -> None:
        """Write the model to a safetensors file, with further JSON metadata."""
        tensors = with_prefix("module", self.module.state_dict())
        for m in self.modalities:
            arrays = {name: torch.from_numpy(np.ascontiguousarray(getattr(m, name))) for name in ARRAYS}
            tensors |= with_prefix(m.name, arrays)
        for name in ("unit", "depth_scale", "median_depth"):
            tensors[name] = torch.from_numpy(np.asarray(getattr(self, name), dtype=np.float64))
        fixed = [
            {"name": m.name, "likelihood": m.likelihood, "scale": m.scale, "logged": m.logged}
            for m in self.modalities
        ]
        meta = {"format": FORMAT, "settings": dataclasses.asdict(self.settings), "modalities": fixed}
        meta |= {"batches": self.batches, "labels": self.labels, "features": self.features}
        write_weights(path, tensors, {**meta, "columns": self.columns, **more}, KIND)

    @classmethod
    def read(cls, path: str | Path, device: torch.device | str) -> tuple[Stored, dict[str, Any]]:
        """Read a file written by :meth:`write`; return the model and the file's metadata.

        Raises
        ------
        UserError
            If the file is not a complete model.
        """
        with loading(path, "not a complete COEM model", ADVICE):
            tensors, meta = read_weights(path, device, KIND)
            check_format(meta.get("format"), FORMAT)
            missing = sorted({*META, *MORE} - meta.keys())
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            # centre and loadings of a modality may be empty, but no number is missing
            check_finite(tensors, ("",))
            return cls._built(tensors, meta, device), meta

    @classmethod
    def _built(cls, tensors: dict[str, torch.Tensor], meta: dict[str, Any], device) -> Stored:
        settings = CoemSettings.of(meta["settings"])
        modalities = []
        for fixed in meta["modalities"]:
            parts = without_prefix(fixed["name"], tensors)
            if set(parts) != set(ARRAYS):
                raise ValueError(f"the arrays of {fixed['name']} are {', '.join(sorted(parts)) or 'missing'}")
            arrays = {k: v.cpu().numpy() for k, v in parts.items()}
            if len(check_genes(meta["features"][fixed["name"]])) != len(arrays["features"]):
                raise ValueError(f"{fixed['name']} has {len(arrays['features'])} features and other names")
            nothing = sparse.csr_matrix((0, len(arrays["features"])), dtype=np.float32)
            modalities.append(Modality(counts=nothing, depth=np.zeros(0, np.float32), **fixed, **arrays))
        module = Module(modalities, settings, len(meta["batches"] or [""]), len(meta["labels"] or []))
        module.load_state_dict(without_prefix("module", tensors))
        numbers = {name: tensors[name].cpu().numpy() for name in ("unit", "depth_scale", "median_depth")}
        named = {name: meta[name] for name in ("features", "columns", "batches", "labels")}
        return cls(module.to(device).eval(), settings, modalities, **numbers, **named)


def _empty(modality: Modality) -> Modality:
    return replace(modality, counts=modality.counts[:0], depth=modality.depth[:0])


def _codes(values: np.ndarray | None, names: list[str] | None, what: str) -> np.ndarray | None:
    """Return the code of each cell's name; None if the model has no names."""
    if names is None or values is None:
        return None
    codes = pd.Index(names).get_indexer(np.asarray(values).astype(str))
    if (codes < 0).any():
        unknown = str(np.asarray(values)[np.argmin(codes)])
        raise fail(
            f"{what} of the cells", f"{unknown!r} was not in training", f"there are: {', '.join(names)}"
        )
    return codes.astype(np.int64)


@torch.no_grad()
def expected_counts(stored: Stored, cells: Cells, modality: str) -> np.ndarray:
    """Return expected counts (probabilities for Bernoulli) of a modality at the posterior means.

    Parameters
    ----------
    stored
        The model.
    cells
        Cells mapped to the model by :meth:`Stored.cells`.
    modality
        Name of the modality; cells that lack it are predicted at its median depth in training.

    Returns
    -------
    float32, cells x modelled features, not negative.
    """
    module, names = stored.module.eval(), [m.name for m in stored.modalities]
    place = names.index(modality)
    data, kind = cells.modalities[place], stored.modalities[place].likelihood
    depth = np.where(data.present, data.depth, stored.median_depth[place])
    parts = []
    for start in range(0, cells.n, ROWS):
        rows = np.arange(start, min(start + ROWS, cells.n))
        batch = cells.take(rows)
        z, _ = module.encode(batch.seen, batch.shown, batch.batch, batch.label)
        logits, zeros = module.decoders[place].decode(
            z, batch.batch, batch.depth, module.prior.responsibilities(z)
        )
        exposure = torch.from_numpy(data.exposure(depth[rows])).to(z.device)
        rate = logits.softmax(1) * exposure[:, None]
        if kind == "bernoulli":
            rate = -torch.expm1(-rate)
        elif kind in ("zip", "zinb"):
            rate = rate * torch.sigmoid(-zeros)
        parts.append(rate.float().cpu().numpy())
    return np.concatenate(parts)
