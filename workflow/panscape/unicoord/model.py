"""A trained coordinate system: embedding, prediction, reconfiguration, and its folder on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from panscape.unicoord.cells import Cells
from panscape.unicoord.confidence import Confidence, tempered
from panscape.unicoord.folder import describe, read_model, write_model
from panscape.unicoord.generate import annotate, generate
from panscape.unicoord.genes import check_overlap
from panscape.unicoord.labels import LabelInfo
from panscape.unicoord.module import Network
from panscape.unicoord.store import Scale
from panscape.unicoord.targets import codes, targets

_ROWS = 2048  # number of cells per dense block


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Coordinates of cells; see :class:`panscape.unicoord.module.Forward`."""

    features: np.ndarray
    votes: np.ndarray
    mean: np.ndarray
    log_variance: np.ndarray
    free: np.ndarray


class CoordinateSystem:
    """A trained coordinate system.

    Attributes
    ----------
    genes
        Names, in the model's order.
    labels
        The supervised labels, in the order of their coordinates.
    card
        Model card: data, settings, versions, metrics; JSON types.
    """

    def __init__(
        self, network: Network, genes: Sequence[str], scale: Scale, confidence: Confidence, card: dict
    ):
        self.network, self.genes, self.scale = network.eval(), tuple(genes), scale
        self.confidence, self.card = confidence, card
        self.layout, self.settings = network.layout, network.settings

    @property
    def labels(self) -> tuple[LabelInfo, ...]:
        """The supervised labels, in the order of the coordinates."""
        return self.layout.labels

    @property
    def coordinates(self) -> list[str]:
        """Names of the columns of :meth:`embed`."""
        settings, names = self.settings, []
        for label in self.labels:
            names += (
                [f"p({label.name}={value})" for value in label.classes] if label.discrete else [label.name]
            )
        names += [f"diffusion-{at + 1}" for at in range(settings.diffusion)]
        names += [f"latent-{at + 1}" for at in range(settings.n_latent)]
        for kind, sizes in (("cluster", settings.clusters), ("discrete", settings.discrete)):
            names += [f"{kind}-{at + 1}={k + 1}" for at, size in enumerate(sizes) for k in range(size)]
        return names

    def cells(self, data) -> Cells:
        """Return AnnData, a path or a list of them as :class:`Cells`."""
        return Cells.of(data, counts=self.settings.normalisation != "none")

    def dense(self, data, min_overlap: float, missing: str) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield (cells, normalised expression (B, G)); the model's genes are matched by name.

        Parameters
        ----------
        data, min_overlap, missing
            See :meth:`embed`.
        """
        cells = self.cells(data)
        there = check_overlap(self.genes, cells.genes, min_overlap)
        fill = self.network.centre.cpu().numpy()[~there] if missing == "mean" else 0.0
        for rows, block in cells.blocks(self.genes):
            block = self.scale(block, cells.totals[rows])
            for start in range(0, block.shape[0], _ROWS):
                part = block[start : start + _ROWS].toarray().astype(np.float32, copy=False)
                part[:, ~there] = fill
                yield slice(rows.start + start, rows.start + start + len(part)), part

    def normalised(self, data, *, min_overlap: float = 0.5) -> sparse.csr_matrix:
        """Return normalised expression (CSR float32, cells x the model's genes); absent genes are 0."""
        cells = self.cells(data)
        check_overlap(self.genes, cells.genes, min_overlap)
        parts = [self.scale(block, cells.totals[rows]) for rows, block in cells.blocks(self.genes)]
        parts = parts or [sparse.csr_matrix((0, len(self.genes)))]
        return sparse.vstack(parts, format="csr", dtype=np.float32)

    @torch.no_grad()
    def encode(
        self, x: np.ndarray, code: np.ndarray | None = None, given: np.ndarray | None = None
    ) -> Encoded:
        """Return the coordinates of normalised expression (n, G).

        Parameters
        ----------
        x
            Dense float32, in the model's genes and normalisation.
        code, given
            (n, labels) labels that are known and should be used instead of the predicted ones.
        """
        network, device = self.network, self.network.centre.device
        features = network.features(torch.from_numpy(x).to(device))
        outputs, hidden = network.outputs(features)
        vote = network.vote(outputs)
        labels = network.guess(outputs, None, draw=False)
        if code is not None:
            labels = torch.where(
                torch.from_numpy(given).to(device), torch.from_numpy(code).to(device), labels
            )
        mean, log_variance, logits, _ = network.posterior(features, hidden, labels)
        free = (
            [torch.softmax(part, -1) for part in logits.split(list(network.free), -1)] if network.free else []
        )
        space = features if network.projecting else hidden[0]
        parts = (space, vote, mean, log_variance, torch.cat(free, -1) if free else logits)
        return Encoded(*(part.cpu().numpy() for part in parts))

    @torch.no_grad()
    def decode(self, code: np.ndarray, latent: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return expression (n, G), at least 0, of labels, continuous and free discrete coordinates.

        Parameters
        ----------
        code
            (n, labels) code of the labels.
        latent
            (n, continuous) unsupervised continuous coordinates.
        free
            (n, classes) free discrete coordinates, one-hot.
        """
        device = self.network.centre.device
        parts = [
            torch.from_numpy(np.asarray(part, dtype=np.float32)).to(device) for part in (code, latent, free)
        ]
        return self.network.decode(*parts).clamp(min=0).cpu().numpy()

    def encode_cells(self, data, *, min_overlap: float = 0.5, missing: str = "mean") -> Encoded:
        """Return the coordinates of cells as arrays.

        Parameters
        ----------
        data, min_overlap, missing
            See :meth:`embed`.

        Returns
        -------
        Coordinates of the cells, in the order of the data.
        """
        parts = [self.encode(x) for _, x in self.dense(data, min_overlap, missing)]
        parts = parts or [self.encode(np.empty((0, len(self.genes)), dtype=np.float32))]
        columns = [field.name for field in dataclasses.fields(Encoded)]
        return Encoded(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def embed(self, data, *, min_overlap: float = 0.5, missing: str = "mean") -> pd.DataFrame:
        """Return the coordinates of cells, ignoring labels in the data.

        Parameters
        ----------
        data
            AnnData, path of an h5ad file, or a list of them; counts (or what the model was trained on).
        min_overlap
            Smallest fraction (0 to 1) of the model's genes that the data must have; fewer raise a UserError.
        missing
            Value of absent genes: their training ``"mean"`` or ``"zero"``.

        Returns
        -------
        Cells x :attr:`coordinates`: numbers in the labels' units, calibrated probabilities, latent means.
        """
        cells = self.cells(data)
        encoded = self.encode_cells(cells, min_overlap=min_overlap, missing=missing)
        columns = []
        for label in self.labels:
            part = encoded.votes[:, self.layout.part(label.name)]
            columns.append(
                self._calibrated(label, part)
                if label.discrete
                else label.backward(part * label.sd + label.mean)
            )
        table = np.concatenate([*columns, encoded.mean, encoded.free], axis=1)
        return pd.DataFrame(table, index=cells.obs.index, columns=self.coordinates)

    def _calibrated(self, label: LabelInfo, part: np.ndarray) -> np.ndarray:
        return tempered(part, self.confidence.temperature.get(label.name, 1.0))

    def probabilities(self, data, label: str) -> np.ndarray:
        """Return calibrated probabilities (cells x classes) of a discrete label."""
        return self._calibrated(self.layout[label], self.encode_cells(data).votes[:, self.layout.part(label)])

    def predict(self, data, *, min_overlap: float = 0.5, missing: str = "mean") -> pd.DataFrame:
        """Predict all labels of cells.

        Parameters
        ----------
        data, min_overlap, missing
            See :meth:`embed`.

        Returns
        -------
        A row per cell and label: cell, label, kind, value (class, or number), probability (calibrated; of
        discrete labels), lower and upper (90 % interval; of numbers), unknown_score (fraction of
        validation cells with a lower nonconformity, 0 to 1) and unknown (the score is above the threshold).
        """
        cells = self.cells(data)
        encoded = self.encode_cells(cells, min_overlap=min_overlap, missing=missing)
        parts = [self._predicted(label, encoded, cells.obs.index) for label in self.labels]
        return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def _predicted(self, label: LabelInfo, encoded: Encoded, index: pd.Index) -> dict[str, np.ndarray]:
        part, nothing = encoded.votes[:, self.layout.part(label.name)], np.full(len(index), np.nan)
        nonconformity = self.confidence.nonconformity.get(label.name)
        share = self._calibrated(label, part) if label.discrete else None
        score, unknown = (nothing, np.zeros(len(index), bool))
        if nonconformity is not None:
            score, unknown = nonconformity.score(encoded.features, share)
        if share is not None:
            value = np.array(label.classes, dtype=object)[share.argmax(axis=1)]
            lower = upper = nothing
        else:
            place = part[:, 0].astype(np.float64) * label.sd + label.mean
            half = self.confidence.width.get(label.name, np.nan)
            number, lower, upper = (label.backward(at) for at in (place, place - half, place + half))
            value = number.astype(object)
        if label.kind == "ordinal":
            nearest = np.abs(number[:, None] - np.array(label.positions)).argmin(axis=1)
            value = np.array(label.classes, dtype=object)[nearest]
        return {
            "cell": index.to_numpy(dtype=object),
            "label": np.full(len(index), label.name, dtype=object),
            "kind": np.full(len(index), label.kind, dtype=object),
            "value": value,
            "probability": nothing if share is None else share.max(axis=1),
            "lower": lower,
            "upper": upper,
            "unknown_score": score,
            "unknown": unknown,
        }

    # -- reconfiguration and files: the work is done in generate and folder --------------------------------

    def known_labels(self, obs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells' known labels as a code (n, labels), and which columns are known."""
        return codes(targets(obs, self.layout), self.layout)

    def reconfigure(
        self, data, changes: Mapping[str, Any], **options: Any
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Decode cells with some of their coordinates changed, block by block; see :func:`generate`."""
        return generate(self, data, changes, **options)

    def reconfigured(self, data, changes: Mapping[str, Any], **options: Any):
        """Return the cells of :meth:`reconfigure` as AnnData with origin, copy and labels in obs."""
        import anndata

        cells = self.cells(data)
        blocks = [sparse.csr_matrix(block) for _, block in self.reconfigure(cells, changes, **options)]
        blocks = blocks or [sparse.csr_matrix((0, len(self.genes)), dtype=np.float32)]
        obs = annotate(self.layout, cells.obs, changes, options.get("copies", 1))
        var = pd.DataFrame(index=list(self.genes))
        return anndata.AnnData(sparse.vstack(blocks, format="csr"), obs=obs, var=var)

    def save(self, folder: str | Path) -> None:
        """Write ``weights.safetensors`` (tensors only) and ``model.json`` (everything else)."""
        write_model(self, folder)

    @classmethod
    def load(cls, folder: str | Path, device: torch.device | str = "cpu") -> CoordinateSystem:
        """Read a model that :meth:`save` wrote; the files contain no code.

        Raises
        ------
        UserError
            If the folder has no complete model.
        """
        return cls(*read_model(folder, device))

    def describe(self) -> dict[str, Any]:
        """Return the model card."""
        return describe(self)
