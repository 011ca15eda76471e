"""Training task of siVAE: three parts, optimiser, validation and early stopping."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from panscape.sivae.bins import Bin, gene_features
from panscape.sivae.initialise import as_tensor, start_linear_paths
from panscape.sivae.losses import gene_divergence, interpretability, squared_error, weighted
from panscape.sivae.module import Sivae, Sizes, normal
from panscape.sivae.products import by_products, gaussian_terms
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.stack import Batch, Cells, batch_orders, batch_rows, stack_cells
from panscape.training.best import Best
from panscape.training.device import moved
from panscape.training.distributions import normal_kl
from panscape.training.noise import Noise, key
from panscape.training.optimiser import AdamW
from panscape.training.state import (
    generator,
    load_optimiser_state,
    optimiser_state,
    with_prefix,
    without_prefix,
)


class SivaeTask:
    """Independent training of one model per bin, for :func:`panscape.training.loop.fit`.

    Parameters
    ----------
    bins
        Cells of each model; all with the same genes.
    settings
        Model and training.
    seed
        Seed of the collection. All random numbers of a model derive from it, the bin's name and the step.
    device
        Device for computation.
    """

    def __init__(self, bins: Sequence[Bin], settings: SivaeSettings, seed: int, device: torch.device):
        self.bins, self.settings, self.seed, self.device = list(bins), settings, seed, device
        self.train = stack_cells(bins, False, settings, device)
        self.orders = batch_orders(bins, self.train.count, settings.batch_size, seed)
        has_test = all(bin_.test.any() for bin_ in bins)
        self.test = stack_cells(bins, True, settings, device) if has_test else None
        self.features = self._features() if settings.gene_wise else None
        widths = self._widths if settings.gene_wise else tuple(0 for _ in bins)
        sizes = Sizes(bins[0].inputs.shape[1], widths, tuple(bin_.known.shape[1] for bin_ in bins))
        self.module = Sivae(sizes, settings)
        for at, bin_ in enumerate(bins):
            self.module.draw(at, generator(seed, "sivae", "start", bin_.line, bin_.name))
            if settings.likelihood == "nb":
                self.module.start_rates(at, as_tensor(bin_.values[~bin_.test]))
            if settings.skip_connection:
                features = None
                if self.features is not None:
                    features = self.features[at, :, : self._widths[at]].cpu().numpy()
                start_linear_paths(self.module, at, bin_, features)
        self.module.to(device)
        groups = [{"params": self.module.parameters(), "weight_decay": 0.0}]
        self.optimiser = AdamW(groups, settings.learning_rate, fused=True)
        self.noise = {
            name: Noise([key(seed, "sivae", name, bin_.line, bin_.name) for bin_ in bins], device)
            for name in ("cells", "genes", "hidden")
        }
        self.count = torch.tensor(self.train.count, device=device)
        self.best = Best(settings.patience)
        self.average: dict[str, Tensor] = {}
        self.ends = torch.tensor(settings.n_steps).cumsum(0).tolist()

    def _features(self) -> Tensor:
        tables = [gene_features(bin_, self.settings, self.seed) for bin_ in self.bins]
        self._widths = tuple(table.shape[1] for table in tables)
        padded = torch.zeros(len(tables), tables[0].shape[0], max(self._widths))
        for at, table in enumerate(tables):
            padded[at, :, : table.shape[1]] = torch.from_numpy(table)
        return padded.to(self.device)

    @property
    def steps(self) -> int:
        """Number of training steps."""
        return self.ends[2] if self.settings.pretrained else self.settings.n_steps[2]

    def _part(self, number: int) -> tuple[int, int]:
        """Return the part (0, 1 or 2) that a step belongs to, and its number within it."""
        if not self.settings.pretrained:
            return 2, number
        part = sum(number >= end for end in self.ends[:2])
        return part, number - (self.ends[part - 1] if part else 0)

    def step(self, number: int) -> dict[str, Tensor]:
        """Make one optimisation step of every model and return its loss terms, (M,) each."""
        part, within = self._part(number)
        rate = self.settings.learning_rate * self.settings.decay ** (within / 1000)
        if self.settings.anneal:
            rate *= (1 + math.cos(math.pi * within / self.settings.n_steps[part])) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        terms = self._genes_alone(within, number) if part == 1 else self._cells(part, within, number)
        sum(terms.values()).sum().backward()
        if part == 1 and self.settings.clip:
            self._clip()
        self.optimiser.step()
        if part == 2 and self.settings.ema:
            self._average(within)
        return {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def _average(self, within: int) -> None:
        """Update the moving average of the weights, with a smaller decay in the first steps."""
        kept = min(self.settings.ema, (1 + within) / (10 + within))
        weights = self.module.state_dict()
        if not self.average:
            self.average = {name: tensor.clone() for name, tensor in weights.items()}
        # the average of the first weights and themselves is themselves
        torch._foreach_lerp_([self.average[name] for name in weights], list(weights.values()), 1 - kept)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the averaged weights, if any, within the block."""
        if not self.average:
            yield
            return
        current = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        self.module.load_state_dict(self.average)
        try:
            yield
        finally:
            self.module.load_state_dict(current)

    def _warm(self, part: int, within: int) -> float:
        """Return the KL weight; no warm-up in the last part after pretraining."""
        cold = part < 2 or not self.settings.pretrained
        return min(1.0, within / self.settings.warmup_steps) if cold and self.settings.warmup_steps else 1.0

    def _drawn(self, mean: Tensor, sd: Tensor, number: int, name: str) -> Tensor:
        """Draw from posteriors, (M, n, K), from a separate stream per model."""
        return mean + sd * self.noise[name].normal(number, mean.shape[1:])

    def _cells(self, part: int, within: int, number: int) -> dict[str, Tensor]:
        """Return the loss terms of a batch of cells, with free weights (part 0) or the genes (part 2)."""
        settings, free = self.settings, part == 0
        rows, weights = batch_rows(self.orders, number)
        batch, weight = self.train.take(rows), moved(weights, self.device)
        seen = self._hidden(batch.inputs, number) if settings.input_dropout else batch.inputs
        mean, sd = self.module.encode_cells(seen, batch.covariates)
        z = self._drawn(mean, sd, number, "cells")
        warm = self._warm(part, within)
        terms = {"kl_cells": warm * weighted(normal_kl(mean, sd).sum(2), weight)}
        v = None
        if settings.gene_wise and not free:
            v_mean, v_sd = self.module.encode_genes(self.features)
            v = self._drawn(v_mean, v_sd, number, "genes")
            terms["kl_genes"] = warm * gene_divergence(v_mean, v_sd, settings, self.count)
        terms |= self._errors(z, v, batch, weight)
        terms["penalty"] = self.module.penalty(part)
        return terms

    def _errors(self, z: Tensor, v: Tensor | None, batch: Batch, weight: Tensor) -> dict[str, Tensor]:
        """Return what a batch's predictions from embeddings of cells and genes cost."""
        settings, module = self.settings, self.module
        y = module.last_layer(z, batch.covariates)
        linear = v is not None and bool(settings.gamma) and not settings.linear
        if by_products(module):
            likelihood, error = gaussian_terms(module, y, z, v, batch, linear=linear)
            terms = {"nll": -weighted(likelihood, weight)}
            if error is not None:
                error = squared_error(weighted(error, weight), settings)
                terms["interpretability"] = settings.gamma * error
            return terms
        observed = module.observe(y, v, batch.library, batch.covariates, free=v is None)
        terms = {"nll": -weighted(module.likelihood(batch.values, observed).sum(2), weight)}
        if linear:
            terms["interpretability"] = settings.gamma * interpretability(module, z, v, batch, weight)
        return terms

    def _hidden(self, x: Tensor, number: int) -> Tensor:
        """Apply dropout to a batch of the encoder's input."""
        rate = self.settings.input_dropout
        return self.noise["hidden"].kept(number, x.shape[1:], rate).mul_(x).div_(1 - rate)

    def _genes_alone(self, within: int, number: int) -> dict[str, Tensor]:
        """Return the loss terms of the second part: encoded genes explain the free weights."""
        mean, sd = self.module.encode_genes(self.features)
        v = self._drawn(mean, sd, number, "genes")
        weights, spread = self.module.gene_weights(v)
        log_likelihood = normal(self.module.weights.detach(), weights, spread)
        divergence = normal_kl(mean, sd)
        return {
            "nll": -log_likelihood.sum(2).mean(1),
            "kl_genes": self._warm(1, within) * divergence.sum(2).mean(1),
            "penalty": self.module.penalty(1),
        }

    def _clip(self) -> None:
        """Clip the gradient norm of each model."""
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        norm = sum(gradient.flatten(1).square().sum(1) for gradient in gradients).sqrt()
        factor = (self.settings.clip / (norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.reshape(-1, *[1] * (gradient.ndim - 1)))

    @torch.no_grad()
    def validate(self, number: int) -> dict[str, Tensor]:
        """Return the held-out terms at the posterior means; update the best weights in the last part."""
        if self.test is None:
            return {}
        with self.averaged():
            return self._validate(number, self.test)

    def _validate(self, number: int, test: Cells) -> dict[str, Tensor]:
        genes = self.embed_genes() if self.settings.gene_wise else None
        free = self._part(number - 1)[0] < 2
        nll, error, divergence = 0.0, 0.0, 0.0
        for rows in self.blocks(test):
            batch = test.take(rows)
            mean, sd, observed = self.predict(batch, genes[0] if genes else None, free)
            weight = test.mask[:, rows] / torch.tensor(test.count, device=self.device)[:, None]
            nll = nll - weighted(self.module.likelihood(batch.values, observed).sum(2), weight)
            error = error + weighted((batch.values - observed.mean).square().mean(2), weight)
            divergence = divergence + weighted(normal_kl(mean, sd).sum(2), weight)
        if not free and self.settings.patience:
            self.best.update(nll + divergence, self.module.state_dict())
        return {"nll": nll, "kl_cells": divergence, "mse": error}

    def blocks(self, cells: Cells) -> list[slice]:
        """Return slices of cells whose predictions fit in memory."""
        n = cells.inputs.shape[1]
        size = max(1, cells.inputs.block_values // (len(self.bins) * cells.inputs.shape[2]))
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]

    def embed_genes(self) -> tuple[Tensor, Tensor]:
        """Return posterior means and standard deviations of the genes, (M, F, K)."""
        return self.module.encode_genes(self.features)

    def predict(self, batch: Batch, genes: Tensor | None, free: bool = False):
        """Return the cells' posterior means and standard deviations, and the decoder output at the means.

        Parameters
        ----------
        batch
            Cells.
        genes
            Embeddings of the genes, (M, F, K); None for models without.
        free
            Use the free output weights of the first part.
        """
        mean, sd = self.module.encode_cells(batch.inputs, batch.covariates)
        y = self.module.last_layer(mean, batch.covariates)
        return mean, sd, self.module.observe(y, genes, batch.library, batch.covariates, free=free)

    def stop(self) -> bool:
        """Return whether no model has improved recently (early stopping)."""
        return bool(self.settings.patience) and not bool(self.best.active.any())

    def take_best(self) -> None:
        """Restore the best weights of every model."""
        weights = self.best.weights or self.average
        if weights:
            self.module.load_state_dict(weights)

    def state(self) -> dict[str, Tensor]:
        """Return weights, optimiser and best weights so far as named tensors."""
        return {
            **with_prefix("module", self.module.state_dict()),
            **with_prefix("optimiser", optimiser_state(self.optimiser)),
            **with_prefix("best", self.best.state()),
            **with_prefix("average", self.average),
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore a state returned by :meth:`state`."""
        self.module.load_state_dict(without_prefix("module", tensors))
        load_optimiser_state(self.optimiser, without_prefix("optimiser", tensors))
        self.best.load_state(without_prefix("best", tensors))
        average = without_prefix("average", tensors)
        self.average = {name: tensor.to(self.device) for name, tensor in average.items()}
