"""Methods of a fitted UniCoord: embed, predict, generate and evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from panscape.errors import fail
from panscape.training.device import single_thread
from panscape.unicoord.calibrate import conformal_threshold, prediction_sets
from panscape.unicoord.integrate import batch_label, integrated
from panscape.unicoord.labels import LabelInfo
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.score import score_model
from panscape.unicoord.targets import targets

if TYPE_CHECKING:
    from anndata import AnnData


class Fitted:
    """Methods of a fitted :class:`panscape.unicoord.estimator.UniCoord`."""

    seed: int
    split: np.ndarray | None
    _model: CoordinateSystem | None

    @property
    def model(self) -> CoordinateSystem:
        """The underlying trained model, with its full interface."""
        if self._model is None:
            raise fail("UniCoord", "the model is not fitted", "call fit, or UniCoord.load")
        return self._model

    @property
    def labels(self) -> tuple[LabelInfo, ...]:
        """The supervised labels, in the order of their coordinates."""
        return self.model.labels

    def embed(
        self, data: AnnData | str | Path | Sequence[Any], *, min_overlap: float = 0.5, missing: str = "mean"
    ) -> pd.DataFrame:
        """Return the coordinates of cells; labels in the data are ignored.

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
            If too few genes are present, or the model is not fitted.
        """
        return self.model.embed(data, min_overlap=min_overlap, missing=missing)

    def predict(
        self,
        data: AnnData | str | Path | Sequence[Any],
        *,
        min_overlap: float = 0.5,
        missing: str = "mean",
        batch: str | None = None,
    ) -> pd.DataFrame:
        """Predict the labels of cells with calibrated confidence.

        Parameters
        ----------
        data, min_overlap, missing
            As for :meth:`embed`.
        batch
            Column of obs that names new batches (studies): the classes of each are moved onto those of the
            training cells, and its scatter is taken into account in what is unknown. Nothing is trained. None
            treats every cell by itself.

        Returns
        -------
        One row per cell and label: cell, label, kind, value (class or number), probability (calibrated; of
        discrete labels), lower and upper (90 % prediction interval; of numbers), unknown_score (fraction of
        known validation cells with a lower nonconformity, 0 to 1) and unknown (whether the cell is unlike
        the training cells).
        """
        return self.model.predict(data, min_overlap=min_overlap, missing=missing, batch=batch)

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

        With probability 1 - alpha, the set contains the true class of a cell exchangeable with the
        calibration cells, for any model (split conformal prediction; Sadinle, Lei and Wasserman 2019).

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
        (cells, classes) booleans: whether the class is in the cell's set, which may be empty.

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
        with single_thread():
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
            Draw the unsupervised coordinates from their posterior instead of using its mean.
        copies
            Number of copies of each cell; they differ with `samples`.
        residual
            Add the residual of each cell's reconstruction, so that cells keep their noise.
        unchanged
            Labels that are not changed: ``"given"`` (the data's, where known) or ``"predicted"``.

        Returns
        -------
        AnnData: log-normalised expression (the model's normalisation) of cells x the model's genes; ``obs``
        with origin, copy and the labels as set. The values are model output, not measurements.

        Raises
        ------
        UserError
            For unknown labels or classes, and for arrays of the wrong length.
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

    def integrate(self, data: AnnData | str | Path | Sequence[Any], batch: str) -> np.ndarray:
        """Return coordinates in which the cells' batch is not seen.

        Parameters
        ----------
        data
            As for :meth:`fit`; all batches at once.
        batch
            A discrete label of the model, e.g. ``"platform"``, to one class of which all cells are set.

        Returns
        -------
        (cells, components): principal components of the decoded cells, aligned by clusters as Harmony does,
        e.g. for ``adata.obsm``.

        Raises
        ------
        UserError
            If the model has no such label.
        """
        with single_thread():
            batch_label(self.model, batch)
            return integrated(self.model, self.model.cells(data), batch, self.seed)

    def evaluate(
        self, data: AnnData | str | Path | Sequence[Any], *, split: Sequence[str] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Score the model on test cells, compared with logistic regression, k-NN, ridge and PCA.

        Parameters
        ----------
        data
            All cells; the baselines are trained on those that are not test cells.
        split
            (cells,) ``"train"``, ``"validation"`` or ``"test"``; None uses that of :meth:`fit`.

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
        with single_thread():
            return score_model(self.model, self.model.cells(data), parts, self.seed)
