"""Files of trained models, and embedding and reconstruction of other cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse

from panscape.errors import fail
from panscape.sivae.module import Sivae, Sizes
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.values import Expression, Scaling
from panscape.training.state import with_prefix, without_prefix
from panscape.training.weights import (
    check_finite,
    check_format,
    check_genes,
    loading,
    read_weights,
    write_weights,
)

if TYPE_CHECKING:
    from panscape.sivae.task import SivaeTask

KIND = "siVAE"
ADVICE = "give weights.safetensors of a siVAE job, or a file of SIVAE.save"
_FORMAT = 1


def write_models(
    path: str | Path, task: SivaeTask, expressions: Sequence[Expression], genes: Sequence[str]
) -> None:
    """Write the weights of a trained task, the genes' loadings and the scaling of the cells.

    See :func:`model_tensors`.

    Parameters
    ----------
    path
        The file, by convention ``*.safetensors``.
    task
        Trained task.
    expressions
        Prepared cells of each model.
    genes
        Names of the F genes.
    """
    tensors, meta = model_tensors(task, expressions, genes)
    write_weights(path, tensors, meta, KIND)


@torch.no_grad()
def model_tensors(
    task: SivaeTask, expressions: Sequence[Expression], genes: Sequence[str]
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a trained task and its JSON metadata.

    Parameters
    ----------
    task
        Trained task.
    expressions
        Prepared cells of each model.
    genes
        Names of the F genes.
    """
    tensors = with_prefix("module", task.module.state_dict())
    if task.settings.gene_wise:
        tensors["loadings"] = task.embed_genes()[0]
    models = []
    for at, item in enumerate(expressions):
        model = {"line": item.bin.line, "bin": item.bin.name, "covariates": item.bin.known.shape[1]}
        if item.scaling is not None:
            parts = dataclasses.asdict(item.scaling)
            for name in ("centre", "spread"):
                tensors[f"{name}.{at}"] = torch.from_numpy(parts.pop(name))
            model["scaling"] = parts
        models.append(model)
    meta = {"format": _FORMAT, "settings": dataclasses.asdict(task.settings), "models": models}
    meta |= {"features": max(task.module.sizes.features), "genes": list(genes)}
    return tensors, meta


def read_file(path: str | Path, device: torch.device | str) -> dict[tuple[str, str], SivaeModel]:
    """Read the models written by :func:`write_models`; see :func:`panscape.sivae.job.load`."""
    tensors, meta = read_tensors(path, device)
    with loading(path, "has no complete models", ADVICE):
        return build_models(tensors, meta, device)


def read_tensors(
    path: str | Path, device: torch.device | str
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read the tensors and metadata of :func:`model_tensors`.

    Raises
    ------
    UserError
        If the file is not a complete file of siVAE models.
    """
    with loading(path, "has no complete models", ADVICE):
        tensors, meta = read_weights(path, device, KIND)
        check_format(meta.get("format"), _FORMAT)
        check_finite(tensors, ("module.", "loadings"))
        check_genes(meta["genes"])
        _check_models(tensors, meta)
    return tensors, meta


def _check_models(tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Check the entries of the models against the tensors; a ValueError or KeyError if they do not fit."""
    models, state = meta["models"], without_prefix("module", tensors)
    names = [(model["line"], model["bin"]) for model in models]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"it has {len(names)} models of {len(set(names))} lines and bins")
    stacked = [*state.values(), *([tensors["loadings"]] if "loadings" in tensors else [])]
    if any(tensor.ndim == 0 or len(tensor) != len(names) for tensor in stacked):
        raise ValueError(f"the weights are not those of {len(names)} models")
    if any(not isinstance(model["covariates"], int) or model["covariates"] < 0 for model in models):
        raise ValueError("covariates is not a number of columns")
    for at, model in enumerate(models):
        for name in ("centre", "spread") if "scaling" in model else ():
            if tuple(tensors[f"{name}.{at}"].shape) != (len(meta["genes"]),):
                raise ValueError(f"{name}.{at} is not one number per gene")


def build_models(
    tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any], device: torch.device | str
) -> dict[tuple[str, str], SivaeModel]:
    """Return (line, bin) -> model from the tensors and metadata of :func:`model_tensors`.

    Parameters
    ----------
    tensors, meta
        Tensors and metadata of one or several models.
    device
        Device for computation.
    """
    settings = SivaeSettings.of(meta["settings"])
    state = without_prefix("module", tensors)
    widest = _widest(meta)
    models = {}
    for at, model in enumerate(meta["models"]):
        module = Sivae(Sizes(len(meta["genes"]), (meta["features"],), (widest,)), settings)
        module.load_state_dict({name: tensor[at : at + 1] for name, tensor in state.items()})
        scaling = None
        if "scaling" in model:
            parts = {name: tensors[f"{name}.{at}"].cpu().numpy() for name in ("centre", "spread")}
            scaling = Scaling(**parts, **model["scaling"])
        loadings = tensors["loadings"][at : at + 1] if settings.gene_wise else None
        models[model["line"], model["bin"]] = SivaeModel(
            module.to(device).eval(), loadings, tuple(meta["genes"]), model["covariates"], scaling
        )
    return models


def read_single(
    path: str | Path, line: str | None, name: str, device: torch.device | str
) -> tuple[dict[str, torch.Tensor], dict[str, Any], tuple[str, str]]:
    """Return the tensors and metadata of one model of a file, and its (line, bin).

    Parameters
    ----------
    path
        See :func:`read_tensors`.
    line, name
        Line and bin of the model; `line` None takes the only line.
    device
        Device for computation.

    Raises
    ------
    UserError
        If the file is incomplete or has no such model.
    """
    tensors, meta = read_tensors(path, device)
    names = [(model["line"], model["bin"]) for model in meta["models"]]
    lines = list(dict.fromkeys(line for line, _ in names))
    wanted = (lines[0] if line is None and len(lines) == 1 else line, name)
    if wanted not in names:
        known = ", ".join(f"{line}/{part}" for line, part in names)
        raise fail(str(path), f"no model of line {line!r}, bin {name!r}", f"there are: {known}")
    at = names.index(wanted)
    return *single(tensors, meta, at), names[at]


def single(
    tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any], at: int
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors and metadata of one of several models; see :func:`model_tensors`.

    Parameters
    ----------
    tensors, meta
        Tensors and metadata of all models.
    at
        Index of the model.
    """
    chosen = {}
    for name, tensor in tensors.items():
        if name.startswith(("centre.", "spread.")):
            if name.endswith(f".{at}"):
                chosen[name.split(".")[0] + ".0"] = tensor
        else:
            stacked = name.startswith("module") or name == "loadings"
            chosen[name] = tensor[at : at + 1] if stacked else tensor
    return chosen, {**meta, "models": [meta["models"][at]], "widest": _widest(meta)}


def _widest(meta: Mapping[str, Any]) -> int:
    """Return the number of covariates to which the inputs of all models are padded."""
    return max(meta.get("widest", 0), *(model["covariates"] for model in meta["models"]))


class SivaeModel:
    """Trained model, applicable to any cells with its genes.

    Attributes
    ----------
    genes
        Names of the F genes, in the order of all expression columns.
    settings
        Settings of the model.
    scaling
        Transformation of counts to model input; None if the model was trained on values scaled elsewhere.
    """

    def __init__(
        self,
        module: Sivae,
        loadings: torch.Tensor | None,
        genes: tuple[str, ...],
        covariates: int,
        scaling: Scaling | None,
    ):
        self._module, self._loadings, self._covariates = module, loadings, covariates
        self.genes, self.scaling, self.settings = genes, scaling, module.settings

    @property
    def loadings(self) -> np.ndarray | None:
        """Posterior means of the genes, (F, K); None for models without a feature-wise part."""
        return None if self._loadings is None else self._loadings[0].cpu().numpy()

    def scale(self, counts: sparse.csr_matrix, totals: np.ndarray) -> np.ndarray:
        """Transform counts to model input, float32 (n, F).

        Parameters
        ----------
        counts
            CSR, (n, F).
        totals
            (n,): the cells' total counts over all genes.

        Raises
        ------
        UserError
            If the model was trained on values scaled elsewhere, or with effects of columns removed.
        """
        if self.scaling is None or self.scaling.regressed:
            how = "outside of panscape"
            if self.scaling is not None:
                how = f"after the effects of {', '.join(self.scaling.regressed)} had been removed"
            raise fail(
                "siVAE", f"the model's cells were scaled {how}", "scale cells in the same way before embed"
            )
        return self.scaling(counts, totals)

    @torch.no_grad()
    def embed(self, x: np.ndarray, covariates: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return posterior means and standard deviations, (n, K) each, of scaled cells (n, F)."""
        mean, sd = self._module.encode_cells(self._tensor(x), self._known(covariates, len(x)))
        return mean[0].cpu().numpy(), sd[0].cpu().numpy()

    @torch.no_grad()
    def reconstruct(
        self, scores: np.ndarray, covariates: np.ndarray | None = None, totals: np.ndarray | None = None
    ) -> np.ndarray:
        """Return expected scaled expression (n, F) of embeddings (n, K).

        With the likelihood ``"nb"``, expected counts of cells with the given totals over the genes (fractions
        without totals).

        Parameters
        ----------
        scores
            Embeddings, (n, K).
        covariates
            (n, D), as in training; None for models without.
        totals
            (n,) total counts over the genes, with ``"nb"``.
        """
        known = self._known(covariates, len(scores))
        library = self._tensor(np.ones(len(scores)) if totals is None else np.asarray(totals))[..., None]
        y = self._module.last_layer(self._tensor(scores), known)
        return self._module.observe(y, self._loadings, library, known).mean[0].cpu().numpy()

    def _known(self, covariates: np.ndarray | None, n: int) -> torch.Tensor:
        known = np.zeros((n, 0)) if covariates is None else np.asarray(covariates)
        if known.shape != (n, self._covariates):
            raise ValueError(f"covariates are {known.shape}, not {(n, self._covariates)}")
        widest = max(self._module.sizes.covariates)
        return self._tensor(np.pad(known, ((0, 0), (0, widest - self._covariates))))

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        made = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        return made[None].to(self._module.bias.device)
