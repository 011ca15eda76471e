"""COEM on MuData, AnnData or h5mu files: fit, embed, predict, metacells, save and load."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.coem.batches import AUTO, batch_column, log_batches
from panscape.coem.files import column
from panscape.coem.metacells.group import GroupSettings, group_cells, number_of_metacells
from panscape.coem.pair import Pair, read_pair
from panscape.coem.settings import CoemSettings
from panscape.errors import fail


class COEM:
    """Joint embedding of RNA and accessibility, with metacells as groups of cells.

    A re-implementation of the first steps of COEM, a variational autoencoder of one or two modalities. Cells
    that lack a modality are embedded by the other.

    Parameters
    ----------
    settings
        Keys of :class:`CoemSettings` (the configuration's section ``coem``); None for the defaults.
    batch_key, condition_on
        Columns of `obs`: batches to correct for (``"auto"``, the default: a column ``batch``, ``library`` or
        ``platform`` of several values, named here after :meth:`fit`), and cell types to condition the prior
        on (scores against these are then circular).
    seed
        Seed of all random steps.
    threads
        CPU threads of the grouping into metacells; the embedding is computed in one.
    gpus
        0 trains on the CPU, 1 on a free GPU if PyTorch sees one.
    **changes
        Single settings, which take precedence.

    Attributes
    ----------
    settings
        Settings of the model.
    info
        Summary of the fit: features, likelihoods, `information` per modality (see
        :class:`panscape.coem.embed.Embedding`).
    history
        Loss terms by step, after :meth:`fit`.

    Raises
    ------
    UserError
        For unknown settings.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> random = np.random.default_rng(0)
    >>> rna, atac = (sparse.csr_matrix(random.poisson(0.5, (60, n)).astype("float32")) for n in (30, 40))
    >>> model = COEM(n_epochs=2, min_steps=2, n_latent=4, n_hidden=8, n_projection=4, seed=1).fit((rna, atac))
    >>> model.embed().shape, model.predict("atac").shape, model.metacells(k=4).nunique()
    ((60, 4), (60, 40), 4)
    >>> COEM(epoch=2)
    Traceback (most recent call last):
    panscape.errors.UserError: 1 problem:
      - coem.epoch: unknown setting -> did you mean 'n_epochs'?
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | CoemSettings | None = None,
        *,
        seed: int = 0,
        threads: int = 1,
        gpus: int = 0,
        **changes: Any,
    ):
        given = dataclasses.asdict(settings) if isinstance(settings, CoemSettings) else dict(settings or {})
        given |= changes
        self.settings = CoemSettings.of(given)
        old = next((key for key, new in CoemSettings.RENAMED.items() if new.name == "batch_key"), "")
        self.batch_key: str | None = given.get("batch_key", given.get(old, AUTO))
        self.condition_on: str | None = given.get("condition_on")
        self.seed, self.threads, self.gpus = seed, threads, gpus
        self.info: dict[str, Any] = {}
        self.history = pd.DataFrame()
        self._state: Any = None  # panscape.coem.store.Stored
        self._cells: Any = None
        self._embedding: Any = None
        self._index: pd.Index | None = None

    def fit(self, data: Any, *, layer: str | None = None, checkpoint: str | Path | None = None) -> COEM:
        """Train the model; the same functions as the workflow's stage, with the same weights for a seed.

        Parameters
        ----------
        data
            Raw counts of the same cells: MuData or the path of an h5mu file with modalities ``rna`` and
            ``atac`` (one may be absent), or a pair (RNA, accessibility) of AnnData, paths of h5ad files, CSR
            matrices, or None for one that was not measured.
        layer
            Layer with the counts; None takes ``X``.
        checkpoint
            Folder in which unfinished training is saved.

        Returns
        -------
        The fitted model.

        Raises
        ------
        UserError
            If values are not counts, cells differ between the modalities, or columns are missing.
        """
        from panscape.coem.embed import embedding_of, train
        from panscape.coem.store import Stored
        from panscape.training.device import choose_device, prepare

        prepare(self.threads)
        pair = read_pair(data, layer)
        chosen = batch_column(pair.obs, self.batch_key)
        batch = column(pair.obs, chosen, "coem.batch_key")
        log_batches(pair.obs, self.batch_key, chosen)
        self.batch_key = chosen
        labels = column(pair.obs, self.condition_on, "coem.condition_on")
        trained = train(
            pair.counts.get("rna"),
            pair.counts.get("atac"),
            batch=batch,
            labels=labels,
            settings=self.settings,
            seed=self.seed,
            device=choose_device(self.gpus),
            checkpoint=None if checkpoint is None else str(checkpoint),
        )
        self._embedding, self._cells, self._index = embedding_of(trained), trained.cells, pair.obs.index
        sizes = {name: counts.shape[1] for name, counts in pair.counts.items()}
        self._state = Stored.of(trained, self._embedding.unit, pair.features, sizes, batch, labels)
        self.info = trained.info
        self.history = pd.DataFrame(trained.history)
        return self

    def embed(self, data: Any = None, *, layer: str | None = None) -> np.ndarray:
        """Return the coordinates of cells, float32, cells x `n_latent`, scaled according to `metric`.

        Parameters
        ----------
        data
            As in :meth:`fit`, with the model's features, matched by name (in CSR matrices by position); None
            takes the cells the model was fitted on.
        layer
            Layer with the counts; None takes ``X``.

        Raises
        ------
        UserError
            If the model is not fitted, or features, batches or labels are missing or unknown.
        """
        if data is None:
            self._trained()
            return self._embedding.joint
        from panscape.coem.evaluate import encode_all

        stored, cells = self._require(), self._new_cells(data, layer)
        mean, _ = encode_all(stored.module, cells, np.arange(cells.n))
        return (mean * stored.unit).astype(np.float32)

    def predict(self, modality: str = "rna", data: Any = None, *, layer: str | None = None) -> np.ndarray:
        """Return the denoised counts of a modality given the cells' embedding, float32, cells x features.

        Expected counts at the cells' depths; with the Bernoulli likelihood, probabilities that a peak is
        open. Cells that lack the modality are predicted from the other one, at the median depth of training.

        Parameters
        ----------
        modality
            ``"rna"`` or ``"atac"``. Columns are the modelled features, :meth:`features`.
        data, layer
            See :meth:`embed`.
        """
        self.features(modality)
        from panscape.coem.store import expected_counts

        cells = self._trained() if data is None else self._new_cells(data, layer)
        return expected_counts(self._require(), cells, modality)

    def features(self, modality: str = "rna") -> list[str]:
        """Return the names of the modelled features of a modality."""
        names = self._require().features
        if modality not in names:
            raise fail("modality", f"the model has no {modality!r}", f"there are: {', '.join(names)}")
        return list(names[modality])

    def metacells(
        self,
        data: Any = None,
        *,
        k: int | None = None,
        cells_per_metacell: float = 75,
        layer: str | None = None,
        settings: GroupSettings | Mapping[str, Any] | None = None,
    ) -> pd.Series:
        """Group cells into metacells by their embedding, as the workflow's stage does.

        Parameters
        ----------
        data, layer
            See :meth:`embed`.
        k
            Number of metacells; None takes the number of cells over `cells_per_metacell`.
        cells_per_metacell
            Mean number of cells in a metacell.
        settings
            See :class:`panscape.coem.metacells.group.GroupSettings`.

        Returns
        -------
        Index of each cell's metacell, indexed by cell name.

        Raises
        ------
        UserError
            If there are too few cells.
        """
        z = self.embed(data, layer=layer).astype(float)
        index = self._index if data is None else read_pair(data, layer).obs.index
        number = number_of_metacells(len(z), k, cells_per_metacell)
        seed = seeds.derive(self.seed, "group", "coem")
        grouping = group_cells(z, number, settings, seed=seed, threads=self.threads)
        return pd.Series(grouping.label, index=index, name="metacell")

    def save(self, path: str | Path) -> None:
        """Write the model as one safetensors file: tensors and JSON, no code."""
        columns = {"batch_key": self.batch_key, "condition_on": self.condition_on}
        self._require().write(path, {"seed": self.seed, "info": self.info, **columns})

    @classmethod
    def load(cls, path: str | Path, device: Any = "cpu") -> COEM:
        """Read a model written by :meth:`save`.

        Parameters
        ----------
        path
            A safetensors file.
        device
            Where to compute.

        Raises
        ------
        UserError
            If the file is not a complete model.
        """
        from panscape.coem.store import Stored

        stored, meta = Stored.read(path, device)
        columns = {"batch_key": meta["batch_key"], "condition_on": meta["condition_on"]}
        model = cls({**dataclasses.asdict(stored.settings), **columns}, seed=meta["seed"])
        model._state, model.info = stored, meta["info"]
        return model

    def _require(self) -> Any:
        if self._state is None:
            raise fail("COEM", "the model is not fitted", "call fit or load first")
        return self._state

    def _trained(self) -> Any:
        self._require()
        if self._cells is None:
            raise fail("COEM", "a loaded model does not keep its training cells", "give data")
        return self._cells

    def _new_cells(self, data: Any, layer: str | None) -> Any:
        pair: Pair = read_pair(data, layer)
        batch = column(pair.obs, self.batch_key, "coem.batch_key")
        labels = column(pair.obs, self.condition_on, "coem.condition_on")
        return self._require().cells(pair, batch, labels)
