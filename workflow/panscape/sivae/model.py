"""siVAE on AnnData: fit, embed, predict, save and load one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.annotated import gene_columns, read_annotated
from panscape.errors import fail
from panscape.sivae.job import train
from panscape.sivae.network import network
from panscape.sivae.prepare import prepare_cells, select_counts
from panscape.sivae.settings import SIVAE_KEYS, SivaeSettings
from panscape.sivae.sparse_inputs import ROWS
from panscape.sivae.values import Expression, ValueSettings

if TYPE_CHECKING:
    from anndata import AnnData

BIN = "0"  # name of the first bin of a line
LOADINGS, CENTRALITY = "read.loadings", "read.centrality"  # tensors that are absent in files of the workflow


class SIVAE:
    """Scalable interpretable variational autoencoder of one set of cells (Choi, Li and Quon 2023).

    Cells and genes are embedded in the same space, so that gene embeddings are interpreted like PCA loadings
    and define a gene network.

    Parameters
    ----------
    settings
        Keys of :class:`SivaeSettings` and :class:`ValueSettings`; None for the defaults.
    seed
        Seed of the held-out cells, starting weights and noise.
    threads
        CPU threads; results are reproducible for a fixed number.
    gpus
        0 trains on the CPU, 1 on a free GPU if PyTorch sees one.
    **changes
        Single settings, which take precedence.

    Attributes
    ----------
    settings, values
        Settings of the model and of its input.
    genes
        Names of the F genes.
    history
        Loss terms by step (step, split, term, model, value), after :meth:`fit`.

    Raises
    ------
    UserError
        For unknown settings.

    Examples
    --------
    >>> import anndata, numpy as np
    >>> counts = np.random.default_rng(0).poisson(2.0, (60, 20)).astype("float32")
    >>> model = SIVAE(n_latent=3, n_hidden=[8], n_steps=[0, 0, 5], seed=1).fit(anndata.AnnData(counts))
    >>> model.embed().shape, model.gene_embedding.shape, model.network(density=0.1).nnz
    ((60, 3), (20, 3), 38)
    >>> SIVAE(n_latents=3)
    Traceback (most recent call last):
    panscape.errors.UserError: 1 problem:
      - sivae.n_latents: unknown setting -> did you mean 'n_latent'?
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | SivaeSettings | None = None,
        *,
        seed: int = 0,
        threads: int = 1,
        gpus: int = 0,
        **changes: Any,
    ):
        given = dataclasses.asdict(settings) if isinstance(settings, SivaeSettings) else dict(settings or {})
        used = {item.name for kind in (SivaeSettings, ValueSettings) for item in dataclasses.fields(kind)}
        if idle := sorted(set(changes) & SIVAE_KEYS - used):
            raise fail(f"sivae.{idle[0]}", "has no effect on a single model", "leave it out")
        given |= changes
        self.settings, self.values = SivaeSettings.of(given), ValueSettings.of(given)
        self.seed, self.threads, self.gpus = seed, threads, gpus
        self.genes: tuple[str, ...] = ()
        self.history = pd.DataFrame()
        self._model: Any = None
        self._tensors: dict[str, Any] = {}
        self._meta: dict[str, Any] = {}
        self._fitted: Any = None
        self._expression: Expression | None = None
        self._totals: np.ndarray | None = None

    def fit(
        self,
        data: AnnData | str | Path,
        *,
        genes: Sequence[str] | None = None,
        layer: str | None = None,
        line: str = "line",
        normalisation: str = "depth-log1p",
        checkpoint: str | Path | None = None,
    ) -> SIVAE:
        """Train the model; the same functions as the workflow's stage, with the same weights for a seed.

        Parameters
        ----------
        data
            Raw counts, cells x genes; an AnnData or the path of an h5ad file. A column ``n_counts`` of `obs`
            gives the cells' total counts; otherwise these are sums over genes.
        genes
            Names of the genes to model; None takes those marked ``highly_variable`` in `var`, or all.
        layer
            Layer with the counts; None takes ``X``.
        line
            Name of the line; random numbers derive from it and the seed.
        normalisation
            See :func:`panscape.data.normalise.normalise`.
        checkpoint
            Folder in which unfinished training is saved.

        Returns
        -------
        The fitted model.

        Raises
        ------
        UserError
            If values are not counts, or genes or columns are missing.
        """
        import torch

        from panscape.sivae.load import build_models, model_tensors
        from panscape.sivae.readout import read_models

        table = read_annotated(data)
        chosen, totals = select_counts(table, layer, genes)
        self.genes = tuple(map(str, table.var_names[gene_columns(table, genes)]))
        names = {"line": line, "name": BIN, "normalisation": normalisation}
        self._totals = np.asarray(chosen.sum(axis=1)).ravel()
        expression = prepare_cells(chosen, totals, table.obs, self.values, self.seed, **names)
        del chosen, totals  # gigabytes of many cells, while training
        granted = {"threads": self.threads, "gpus": self.gpus}
        task, history = train([expression], self.settings, self.seed, **granted, checkpoint=checkpoint)
        self._tensors, self._meta = model_tensors(task, [expression], self.genes)
        self._meta["seed"] = self.seed
        self._model = build_models(self._tensors, self._meta, task.device)[line, BIN]
        self._fitted, self._expression = read_models(task)[0], expression
        self._tensors[LOADINGS] = torch.from_numpy(self._fitted.loadings)
        self._tensors[CENTRALITY] = torch.from_numpy(self._fitted.centrality())
        self.history = pd.DataFrame(history, columns=["step", "split", "term", "model", "value"])
        return self

    def embed(
        self,
        data: AnnData | str | Path | None = None,
        *,
        layer: str | None = None,
        covariates: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the posterior means of cells, float32, cells x `n_latent`.

        Parameters
        ----------
        data
            Raw counts with the model's genes, found by name; None takes the cells the model was fitted on.
        layer
            Layer with the counts; None takes ``X``.
        covariates
            Cells x covariates, coded as in training; for models with `covariates`.

        Raises
        ------
        UserError
            If the model is not fitted, genes are missing, or effects of columns were regressed out.
        """
        if data is None:
            return self._trained().scores
        return self._embedded(data, layer, covariates)[0]

    def predict(
        self,
        data: AnnData | str | Path | None = None,
        *,
        layer: str | None = None,
        covariates: np.ndarray | None = None,
        scaled: bool = False,
    ) -> np.ndarray:
        """Return the expected expression of cells given their embedding, float32, cells x genes.

        Parameters
        ----------
        data, layer, covariates
            See :meth:`embed`.
        scaled
            Return scaled expression (mean 0, variance 1) instead of normalised log expression.

        Returns
        -------
        Normalised log expression; with the likelihood ``"nb"``, counts at the cells' totals over the genes.
        """
        if data is None:
            scores, totals = self._trained().scores, self._totals
            known = self._expression.bin.known if self._expression is not None else None
        else:
            (scores, totals), known = self._embedded(data, layer, covariates), covariates
        expected = self._model.reconstruct(scores, known, totals)
        if scaled or self.settings.likelihood == "nb":
            return expected
        return self._model.scaling.unscale(expected)

    @property
    def gene_embedding(self) -> pd.DataFrame:
        """Return the genes' loadings, genes x dimensions."""
        self._require()
        values = self._tensors[LOADINGS].cpu().numpy() if LOADINGS in self._tensors else self._model.loadings
        if values is None:
            problem = f"a file of the workflow has no loadings of {self.settings.model}"
            raise fail("siVAE", problem, "fit it here")
        columns = [f"dimension-{at + 1}" for at in range(values.shape[1])]
        return pd.DataFrame(values, index=list(self.genes), columns=columns)

    @property
    def gene_centrality(self) -> pd.Series:
        """Return the fraction of each gene's variance explained, at most 1; NaN for constant genes."""
        self._require()
        if CENTRALITY not in self._tensors:
            raise fail("siVAE", "a file of the workflow has no centralities", "read the line's genes.tsv.gz")
        values = self._tensors[CENTRALITY].cpu().numpy()
        return pd.Series(values, index=list(self.genes), name="centrality")

    def network(
        self, density: float = 0.01, *, metric: str = "dot", min_norm: float = 0.0
    ) -> sparse.csr_matrix:
        """Return the network of the genes, CSR bool, genes x genes, symmetric.

        Parameters
        ----------
        density
            Fraction of all pairs of genes that are edges, in (0, 1].
        metric, min_norm
            See :func:`panscape.sivae.network.network`.
        """
        usable = np.isfinite(self._require().scaling.spread)
        return network(self.gene_embedding.to_numpy(), density, metric, usable, min_norm)

    def save(self, path: str | Path) -> None:
        """Write the model as one safetensors file: tensors and JSON, no code."""
        from panscape.sivae.load import KIND
        from panscape.training.weights import write_weights

        self._require()
        write_weights(path, self._tensors, self._meta, KIND)

    @classmethod
    def load(cls, path: str | Path, *, line: str | None = None, bin: str = BIN, device: Any = "cpu") -> SIVAE:
        """Read a model written by :meth:`save` or by a job of the workflow.

        Parameters
        ----------
        path
            A safetensors file.
        line, bin
            Model to read from a file of several; None takes the only line.
        device
            Device for computation.

        Raises
        ------
        UserError
            If the file is incomplete or has no such model.
        """
        from panscape.sivae.load import ADVICE, build_models, read_single
        from panscape.training.weights import loading

        tensors, meta, wanted = read_single(path, line, bin, device)
        with loading(path, "has no complete models", ADVICE):
            model = build_models(tensors, meta, device)[wanted]
        result = cls(model.settings, seed=meta.get("seed", 0))
        result._model, result._tensors, result._meta, result.genes = model, tensors, meta, model.genes
        return result

    def _require(self) -> Any:
        if self._model is None:
            raise fail("siVAE", "the model is not fitted", "call fit or load first")
        return self._model

    def _trained(self) -> Any:
        self._require()
        if self._fitted is None:
            raise fail("siVAE", "a loaded model does not keep its training cells", "give data")
        return self._fitted

    def _embedded(
        self, data: AnnData | str | Path, layer: str | None, covariates: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return embeddings (n, K) of cells, and their total counts over the model's genes."""
        model = self._require()
        chosen, totals = select_counts(read_annotated(data), layer, self.genes)
        scores = []
        for start in range(0, max(len(totals), 1), ROWS):  # dense at a time
            rows = slice(start, start + ROWS)
            # the last cells take all that remains, so that wrong numbers of covariates are noticed
            rest = rows if rows.stop < len(totals) else slice(start, None)
            known = None if covariates is None else np.asarray(covariates)[rest]
            scores.append(model.embed(model.scale(chosen[rows], totals[rows]), known)[0])
        return np.concatenate(scores), np.asarray(chosen.sum(axis=1)).ravel()
