"""Training task of COEM for :func:`panscape.training.loop.fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from panscape import seeds
from panscape.coem.align import batch_shifts
from panscape.coem.cells import Cells
from panscape.coem.evaluate import ROWS, encode_all
from panscape.coem.layers import Decoder
from panscape.coem.metric import information_units
from panscape.coem.module import Batch, Module
from panscape.coem.settings import CoemSettings
from panscape.training.batches import Batches, held_out
from panscape.training.best import Best
from panscape.training.noise import Noise, key
from panscape.training.optimiser import AdamW
from panscape.training.placement import placement, source
from panscape.training.state import (
    load_optimiser_state,
    optimiser_state,
    with_prefix,
    without_prefix,
)

START_VARIANCE = 0.1  # initial prior variance of the decoder's weights; re-estimated after every epoch
RISE = 0.1  # fraction of the steps with a rising learning rate, before cosine annealing
LONGEST_GRADIENT = 50.0
DRAWS = 16  # antithetic pairs of posterior draws for the divergence of held-out cells


class CoemTask:
    """Training state: model, cells and optimiser.

    Parameters
    ----------
    module
        The model, on the cells' device.
    cells
        All cells.
    settings, seed
        Settings; seed of batches and noise.
    """

    def __init__(self, module: Module, cells: Cells, settings: CoemSettings, seed: int):
        self.module, self.cells, self.settings, self.seed = module, cells, settings, seed
        self.device = cells.device
        where = placement(cells.nbytes, cells.device)
        self._training_cells = cells.on_device() if where == "device" else cells
        self._batches = source(self._batch, where, cells.device)
        fraction = settings.held_out if cells.n >= 50 else 0.0
        held = held_out(cells.n, fraction, seed, "coem")
        self.train_rows, self.held_rows = np.flatnonzero(~held), np.flatnonzero(held)
        self.order = Batches(len(self.train_rows), settings.batch_size, seed, "coem")
        self.per_epoch = self.order.per_epoch
        self.steps = max(settings.n_epochs * self.per_epoch, settings.min_steps)
        self.warm = math.ceil(settings.warmup_fraction * self.steps)
        decoder = list(module.decoders.parameters())
        inner = {id(parameter) for parameter in decoder}
        self.encoder_parameters = [p for p in module.parameters() if id(p) not in inner]
        self.optimiser = AdamW(
            [
                {"params": decoder, "weight_decay": 0.0},
                {"params": self.encoder_parameters, "weight_decay": 1e-2},
            ],
            settings.learning_rate,
            fused=True,
        )
        factor = 2.5 if settings.anneal else 1.0
        self.rates = (factor * settings.learning_rate, settings.learning_rate)
        device, dims, count = cells.device, module.dims, len(cells.modalities)
        # per decoder input (z and depths): prior variance of the weights, sum of squares over the epoch
        self.variances = torch.full((count, dims + count), START_VARIANCE, device=device)
        self.moments = torch.zeros(dims + count, device=device)
        self.totals = [
            torch.from_numpy(np.asarray(m.counts.sum(axis=0)).ravel()).to(device, torch.float32)
            for m in cells.modalities
        ]
        self.noise = Noise([key(seed, "coem", "noise")], device)
        self.held_noise = Noise([key(seed, "coem", "validation")], device)
        self.best = Best(settings.patience)
        factors = {"rna": settings.rna_weight, "atac": settings.atac_weight}
        self.factors = torch.tensor([factors[m.name] for m in cells.modalities], device=device)

    def step(self, number: int) -> dict[str, Tensor]:
        """Make one optimisation step."""
        place = number % self.per_epoch
        if number == self.warm:
            if self.module.shifts_batches:
                self._align_batches()
            if self._mixes:
                self._start_prior()
        batch = self._batches.at(number)
        noise = self.noise.normal(number, (len(batch.shown), self.module.dims))[0]
        batch = replace(batch, noise=noise)
        self.module.train()
        likelihoods, divergence, mean, log_variance = self.module(batch)
        raised = min(1.0, (number + 1) / max(self.warm, 1))
        penalty = self._penalty() / len(self.train_rows)
        loss = -(likelihoods * self.factors).sum(1).mean() + raised * divergence.mean() + penalty
        self._set_rates(number)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder_parameters, LONGEST_GRADIENT)
        self.optimiser.step()
        with torch.no_grad():
            squares = torch.cat([mean.square() + log_variance.exp(), batch.depth.square()], 1)
            self.moments += squares.sum(0)
            if place == self.per_epoch - 1:
                self._estimate_variances()
        terms = {"loss": loss, "divergence": divergence.mean(), "penalty": penalty}
        return {name: value.detach() for name, value in (terms | self._named(-likelihoods)).items()}

    @torch.no_grad()
    def validate(self, number: int) -> dict[str, Tensor]:
        """Return the loss of the held-out cells, or of training cells if none are held out.

        As in training, the encoder sees a part of a cell's counts and the likelihood is that of the others
        (`thinning`). It is evaluated at the posterior mean; the divergence is averaged over posterior draws.
        The parts and the draws are the same at every validation.
        """
        self.module.eval()
        rows = self.held_rows if len(self.held_rows) else self.train_rows[:1000]
        random = seeds.stream(self.seed, "coem", "validation", "counts")
        terms: dict[str, Tensor] = {}
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            batch = self.cells.take(part, thin=self.settings.thinning, random=random)
            likelihoods, _, mean, log_variance = self.module(batch)
            noise = self.held_noise.normal(start, (DRAWS, *mean.shape))[0]
            divergence = self.module.prior.expected_divergence(mean, log_variance, noise, batch.label)
            loss = divergence - (likelihoods * self.factors).sum(1)
            values = {"loss": loss, "divergence": divergence}
            for name, value in (values | self._named(-likelihoods, mean=False)).items():
                terms[name] = terms.get(name, 0.0) + value.sum() / len(rows)
        if number >= self.warm + self.per_epoch or number >= self.steps:
            self.best.update(terms["loss"], self.module.state_dict())
        return terms

    def stop(self) -> bool:
        """Return whether the held-out loss has stopped falling."""
        return not bool(self.best.active)

    def state(self) -> dict[str, Tensor]:
        """Return the training state as named tensors."""
        return {
            **with_prefix("module", self.module.state_dict()),
            **with_prefix("optimiser", optimiser_state(self.optimiser)),
            **with_prefix("best", self.best.state()),
            "variances": self.variances,
            "moments": self.moments,
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore a state returned by :meth:`state`."""
        device = self.cells.device
        self.module.load_state_dict(without_prefix("module", tensors))
        load_optimiser_state(self.optimiser, without_prefix("optimiser", tensors))
        self.best.load_state(without_prefix("best", tensors))
        self.variances = tensors["variances"].to(device)
        self.moments = tensors["moments"].to(device)

    @property
    def _mixes(self) -> bool:
        return self.module.labels > 0 or (
            self.settings.prior != "normal" and len(self.module.prior.logits) > 1
        )

    def _named(self, values: Tensor, *, mean: bool = True) -> dict[str, Tensor]:
        names = [modality.name for modality in self.cells.modalities]
        return {name: values[:, m].mean() if mean else values[:, m] for m, name in enumerate(names)}

    def close(self) -> None:
        """Stop what makes batches ahead of the steps."""
        self._batches.close()
        del self._batches  # it refers to this task, which would stay in memory with its cells

    def _batch(self, number: int) -> Batch:
        """Return the cells of a step, without noise; may run in another thread than the steps."""
        rows = self.train_rows[self.order.at(number)]
        random = seeds.stream(self.seed, "coem", "step", number)
        shown = np.ones((len(rows), len(self.cells.modalities)), dtype=bool)
        if shown.shape[1] > 1 and self.settings.modality_dropout:
            hidden = random.random(len(rows)) < self.settings.modality_dropout
            which = random.integers(shown.shape[1], size=len(rows))
            # cells with a single modality keep it
            both = self.cells.present[rows].all(1)
            shown[hidden & both, which[hidden & both]] = False
        return self._training_cells.take(rows, shown=shown, thin=self.settings.thinning, random=random)

    def _set_rates(self, number: int) -> None:
        if not self.settings.anneal:
            return
        part = (number + 1) / max(self.steps, 1)
        height = part / RISE if part < RISE else 0.5 * (1 + math.cos(math.pi * (part - RISE) / (1 - RISE)))
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * max(height, 1e-3)

    def _penalty(self) -> Tensor:
        """Return the negative log prior of the decoders' weights, up to a constant."""
        if not self.settings.shrinkage:
            return torch.zeros((), device=self.cells.device)
        decoders = zip(self.module.decoders, self.variances, strict=True)
        return sum(decoder.penalty(variances) for decoder, variances in decoders)

    def _estimate_variances(self) -> None:
        """Estimate the prior variance of the decoders' weights, per modality and dimension of z, or depth.

        Empirical Bayes: the mean square of the weights plus their posterior variance, with the information of
        a weight approximated by that of Poisson counts: count of the feature x E z^2.
        """
        second = self.moments / len(self.train_rows)
        self.moments.zero_()
        for m, decoder in enumerate(self.module.decoders):
            if not isinstance(decoder, Decoder):  # the published decoder has no weight per dimension of z
                continue
            information = self.totals[m][:, None] * second
            uncertain = 1 / (1 / self.variances[m] + information)
            self.variances[m] = (decoder.weight.square() + uncertain).mean(0).clamp(1e-6, 10.0)

    def _align_batches(self) -> None:
        """Shift z of each batch onto that of the others."""
        means, spreads = encode_all(self.module, self.cells, self.train_rows)
        unit = np.maximum(information_units(means, spreads, np.arange(len(means))), 1e-6)
        random = seeds.stream(self.seed, "coem", "batches")
        shifts = batch_shifts(means * unit, self.cells.batch[self.train_rows], random) / unit
        self.module.shift_batches(torch.from_numpy(shifts).to(self.cells.device, torch.float32))

    def _start_prior(self) -> None:
        """Initialise the mixture from the labels, or from clusters of the training cells' posterior means."""
        means, spreads = encode_all(self.module, self.cells, self.train_rows)
        k = min(len(self.module.prior.logits), len(means))
        if self.cells.label is not None:
            group = self.cells.label[self.train_rows]
        else:
            group = _grouped(means, k, seeds.derive(self.seed, "centroids"), self.settings.prior)
        floor = spreads.mean(0)
        centres, variances = np.zeros((2, len(self.module.prior.logits), means.shape[1]))
        fractions = np.full(len(centres), 1e-4)
        for c in range(len(centres)):
            members = means[group == c]
            fractions[c] = max(fractions[c], len(members) / len(means))
            members = members if len(members) else means
            centres[c], variances[c] = members.mean(0), members.var(0) + floor
        device = self.cells.device
        values = [
            torch.from_numpy(array).to(device, torch.float32)
            for array in (centres, variances, fractions / fractions.sum())
        ]
        self.module.prior.start(*values)


def _grouped(points: np.ndarray, k: int, seed: int, prior: str) -> np.ndarray:
    """Cluster points by k-means, or for ``"vade"`` by a mixture of diagonal Gaussians."""
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        if prior == "vade":
            return GaussianMixture(k, covariance_type="diag", random_state=seed).fit_predict(points)
        return KMeans(k, n_init=2, random_state=seed).fit_predict(points)
