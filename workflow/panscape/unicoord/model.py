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

from panscape.unicoord.annotate import annotation
from panscape.unicoord.cells import Cells
from panscape.unicoord.confidence import Confidence
from panscape.unicoord.folder import describe, read_model, write_model
from panscape.unicoord.generate import annotate, generate
from panscape.unicoord.genes import check_overlap
from panscape.unicoord.head import linear_map
from panscape.unicoord.interactions import Interaction
from panscape.unicoord.labels import LabelInfo
from panscape.unicoord.module import Network
from panscape.unicoord.store import Scale
from panscape.unicoord.targets import codes, targets

_ROWS = 2048  # number of cells per dense block


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Coordinates of cells; see :class:`panscape.unicoord.module.Forward`.

    `votes` are the ensemble's predictions of the labels, `linear` the logits of the linear classifiers.
    """

    features: np.ndarray
    votes: np.ndarray
    linear: np.ndarray
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
    interactions
        Discrete label -> how the unsupervised coordinates move with its classes when it is set.
    """

    def __init__(
        self,
        network: Network,
        genes: Sequence[str],
        scale: Scale,
        confidence: Confidence,
        card: dict,
        interactions: Mapping[str, Interaction] | None = None,
    ):
        self.interactions = dict(interactions or {})
        self.network, self.genes, self.scale = network.eval(), tuple(genes), scale
        self.confidence, self.card = confidence, card
        self.layout, self.settings = network.layout, network.settings
        self._linear = linear_map(confidence.heads, self.layout, len(self.genes))

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
        seen, votes, middle, spread, chosen = (part.cpu().numpy() for part in parts)
        return Encoded(seen, votes, x @ self._linear[0] + self._linear[1], middle, spread, chosen)

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
        return self.joined([self.encode(x) for _, x in self.dense(data, min_overlap, missing)])

    def joined(self, parts: Sequence[Encoded]) -> Encoded:
        """Return the coordinates of blocks of cells as one."""
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
                self.confidence.probability(self.layout, label, encoded.votes, encoded.linear)
                if label.discrete
                else label.backward(part * label.sd + label.mean)
            )
        table = np.concatenate([*columns, encoded.mean, encoded.free], axis=1)
        return pd.DataFrame(table, index=cells.obs.index, columns=self.coordinates)

    def probabilities(self, data, label: str) -> np.ndarray:
        """Return calibrated probabilities (cells x classes) of a discrete label."""
        encoded = self.encode_cells(data)
        return self.confidence.probability(self.layout, self.layout[label], encoded.votes, encoded.linear)

    def predict(
        self, data, *, min_overlap: float = 0.5, missing: str = "mean", batch: str | None = None
    ) -> pd.DataFrame:
        """Predict all labels of cells.

        Parameters
        ----------
        data, min_overlap, missing
            See :meth:`embed`.
        batch
            Column of obs that names new batches (studies). The classes of each are moved onto those of the
            training cells, and its scatter is taken into account in what is unknown; nothing is trained. None
            treats every cell by itself.

        Returns
        -------
        A row per cell and label: cell, label, kind, value (class, or number), probability (calibrated; of
        discrete labels), lower and upper (90 % interval; of numbers), unknown_score (fraction of
        validation cells with a lower nonconformity, 0 to 1) and unknown (the score is above the threshold).
        """
        return annotation(self, self.cells(data), batch, min_overlap, missing)

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
