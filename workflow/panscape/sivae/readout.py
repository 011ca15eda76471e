"""Readout of trained models: embeddings, errors per gene, sampled cells and decoder."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from panscape.sivae.attribution import Decoder
from panscape.sivae.stack import Cells
from panscape.sivae.task import SivaeTask
from panscape.stats.singular import singular
from panscape.training.state import generator


@dataclass(frozen=True)
class Fitted:
    """Readout of one trained model.

    Attributes
    ----------
    loadings, loadings_sd
        float32, (F, K): posterior means and standard deviations of the genes. For comparison models without a
        feature-wise part, the K loadings whose dot products best approximate the model's gene covariance.
    scores, scores_sd
        float32, (n, K): posterior means and standard deviations of all cells, in the order of the bin.
    error, null_error
        split -> (F,): mean squared error of each gene's values (NB: mean deviance) under the model and under
        the training cells' mean; splits ``"train"`` and ``"heldout"`` (absent without held-out cells).
    linear_error
        Error of the linear reconstruction, z . v + b; empty for models without it.
    decoder
        Decoder for attributions.
    """

    loadings: np.ndarray
    loadings_sd: np.ndarray
    scores: np.ndarray
    scores_sd: np.ndarray
    error: dict[str, np.ndarray]
    null_error: dict[str, np.ndarray]
    linear_error: dict[str, np.ndarray] = field(default_factory=dict)
    decoder: Decoder | None = None

    def centrality(self, split: str = "train") -> np.ndarray:
        """Return the explained fraction of each gene's variance (NB: deviance), at most 1, or NaN."""
        if split not in self.error:
            return np.full(len(self.loadings), np.nan)
        null = self.null_error[split]
        fraction = 1 - np.divide(self.error[split], null, out=np.full(len(null), np.nan), where=null > 1e-9)
        return fraction

    def total(self, split: str, kind: str = "error") -> float:
        """Return the mean over genes of `error`, `null_error` or `linear_error`; NaN without the split."""
        by_split = getattr(self, kind)
        return float(by_split[split].mean()) if split in by_split else float("nan")


@torch.no_grad()
def read_models(task: SivaeTask) -> list[Fitted]:
    """Return the readout of every model of a trained task."""
    settings = task.settings
    genes = task.embed_genes() if settings.gene_wise else None
    parts = {"train": task.train} | ({"heldout": task.test} if task.test is not None else {})
    passes = {name: _pass(task, cells, genes[0] if genes else None) for name, cells in parts.items()}
    results = []
    for at, bin_ in enumerate(task.bins):
        scores = np.zeros((2, len(bin_.test), settings.n_latent), np.float32)
        for name, part in passes.items():
            scores[:, bin_.test == (name == "heldout")] = part.scores[:, at, : parts[name].count[at]]
        decoder = _decoder(task, at, genes)
        if genes:
            loadings, spread = (tensor[at].float().cpu().numpy() for tensor in genes)
        else:
            loadings = _covariance_loadings(decoder, scores[0][~bin_.test], settings.n_latent)
            spread = np.zeros_like(loadings)
        results.append(
            Fitted(
                loadings=loadings,
                loadings_sd=spread,
                scores=scores[0],
                scores_sd=scores[1],
                error={name: part.error[at] for name, part in passes.items()},
                null_error={name: part.null[at] for name, part in passes.items()},
                linear_error={name: part.linear[at] for name, part in passes.items()} if genes else {},
                decoder=decoder,
            )
        )
    return results


@dataclass(frozen=True)
class _Part:
    scores: np.ndarray  # (2, M, N, K)
    error: np.ndarray  # (M, F)
    null: np.ndarray
    linear: np.ndarray


def _pass(task: SivaeTask, cells: Cells, v: torch.Tensor | None) -> _Part:
    module, count = task.module, torch.tensor(cells.count, device=task.device)[:, None]
    rates = _null_rates(task)
    sums = torch.zeros(3, *cells.inputs.shape[::2], device=task.device)
    scores = []
    for rows in task.blocks(cells):
        batch = cells.take(rows)
        mean, sd, observed = task.predict(batch, v)
        scores.append(torch.stack([mean, sd]))
        weight = cells.mask[:, rows, None]
        null = rates * batch.library if task.settings.likelihood == "nb" else torch.zeros_like(batch.values)
        expected = [observed.mean, null]
        if v is not None:
            expected.append(module.linear_mean(mean, v, batch.library, batch.covariates))
        for place, other in enumerate(expected):
            sums[place] += (_loss(task, batch.values, other) * weight).sum(1)
    error, null, linear = (sums / count).float().cpu().numpy()
    return _Part(torch.cat(scores, dim=2).float().cpu().numpy(), error, null, linear)


def _loss(task: SivaeTask, x: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    if task.settings.likelihood != "nb":
        return (x - mean).square()
    theta = task.module.dispersion.exp()
    best = torch.where(x > 0, x * ((x + 1e-8) / (mean + 1e-8)).log(), 0)
    return 2 * (best - (x + theta) * ((x + theta) / (mean + theta)).log())


def _null_rates(task: SivaeTask) -> torch.Tensor | None:
    """Return each gene's fraction of the counts in the training cells, (M, 1, F)."""
    if task.settings.likelihood != "nb":
        return None
    totals = (task.train.values[:, :] * task.train.mask[:, :, None]).sum(1, keepdim=True)
    return totals / totals.sum(2, keepdim=True).clamp(min=1)


def _decoder(task: SivaeTask, at: int, genes: tuple[torch.Tensor, torch.Tensor] | None) -> Decoder:
    """Return the decoder of one model as plain arrays, without effects of covariates."""
    module, settings = task.module, task.settings

    def plain(tensor: torch.Tensor) -> np.ndarray:
        return tensor[at].double().cpu().numpy()

    bias = plain(module.bias)[0]
    if settings.linear:
        weights = plain(genes[0]) if genes else plain(module.weights)
        return Decoder([], weights, bias)
    latent, layers = settings.n_latent, []
    for number, layer in enumerate(module.decoder.layers):
        weight = plain(layer.weight)
        layers.append(
            (weight[:latent] if number == 0 else weight, plain(layer.bias)[0], number < module.decoder.relus)
        )
    weights = plain(module.gene_weights(genes[0])[0]) if genes else plain(module.weights)
    if not module.joined:
        return Decoder(layers, weights, bias)
    width = layers[-1][0].shape[1]
    return Decoder(layers, weights[:, :width], bias, weights[:, width:])


def _covariance_loadings(decoder: Decoder, scores: np.ndarray, latent: int) -> np.ndarray:
    """Return the K loadings, (F, K), that best approximate the gene covariance of a decoder."""
    means = decoder.trace(scores.astype(float))[0]
    means = means - means.mean(axis=0)
    _, sizes, axes = singular(means / np.sqrt(len(means)))
    loadings = np.zeros((means.shape[1], latent), np.float32)
    kept = min(latent, len(sizes))
    loadings[:, :kept] = (axes[:kept] * sizes[:kept, None]).T
    return loadings


@torch.no_grad()
def sample_cells(task: SivaeTask, at: int, n: int) -> np.ndarray:
    """Sample cells from a model's prior: means of all genes, (n, F), without observation noise.

    Cells are drawn as z ~ N(0, I), genes once for all cells from their posteriors; covariates are at their
    training mean. The paper calls networks of such samples siVAE-GCN.

    Parameters
    ----------
    task
        Trained task.
    at
        Index of the model.
    n
        Number of cells.
    """
    module, settings, bin_ = task.module, task.settings, task.bins[at]
    stream = generator(task.seed, "sivae", "sample", bin_.line, bin_.name)
    z = torch.randn(n, settings.n_latent, generator=stream).to(task.device)
    only = slice(at, at + 1)
    stacked = torch.zeros(len(task.bins), n, settings.n_latent, device=task.device)
    stacked[only] = z
    width = task.train.covariates.shape[2]
    known = torch.zeros(len(task.bins), n, width, device=task.device)
    known[only] = task.train.covariates[at, : task.train.count[at]].mean(0)
    v = None
    if settings.gene_wise:
        mean, sd = task.embed_genes()
        noise = torch.randn(mean.shape[1:], generator=stream).to(task.device)
        v = mean.clone()
        v[at] = mean[at] + sd[at] * noise
    library = task.train.library[:, :1].median() * torch.ones(len(task.bins), n, 1, device=task.device)
    observed = module.observe(module.last_layer(stacked, known), v, library, known)
    return observed.mean[at].float().cpu().numpy()
