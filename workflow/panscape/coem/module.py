"""COEM's network: joint encoder, prior, decoders and loss terms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from panscape.coem.entries import SparseInput
from panscape.coem.layers import Channel, Decoder
from panscape.coem.likelihoods import (
    BY_FRACTION,
    Target,
    fraction_log_likelihood,
    log_likelihood,
    sparse_log_likelihood,
)
from panscape.coem.modality import Modality
from panscape.coem.prior import HIGHEST, LOWEST, Prior
from panscape.coem.published import GatedChannel, GatedDecoder, GatedEncoder
from panscape.coem.settings import CoemSettings

NEVER = -30.0  # log-odds of zero inflation for likelihoods without it


@dataclass(frozen=True)
class Batch:
    """Mini-batch of cells as tensors on the device.

    Attributes
    ----------
    seen
        Encoder input per modality, cells x features.
    target
        Counts to predict, per modality.
    exposure
        Exposure of the target (cells,), per modality.
    shown, present
        Modalities shown to the encoder and modalities measured, float, cells x modalities.
    batch, label
        Batch of each cell; label that the prior is conditioned on, if any.
    depth
        Standardised log depth of the whole cell, cells x modalities.
    noise
        Standard normal noise, cells x dimensions of z; None takes the posterior's mean.
    target_scale
        Factor that scales the log-likelihood of the target to that of all counts.
    """

    seen: list[SparseInput]
    target: list[Target]
    exposure: list[Tensor]
    shown: Tensor
    present: Tensor
    batch: Tensor
    depth: Tensor
    label: Tensor | None = None
    noise: Tensor | None = None
    target_scale: float = 1.0


class Module(nn.Module):
    """Variational autoencoder of one or two modalities with one latent z per cell.

    Parameters
    ----------
    modalities
        Modalities to model.
    settings
        Sizes and options.
    batches
        Number of batches.
    labels
        Number of labels that the prior is conditioned on, 0 for none.
    """

    def __init__(self, modalities: list[Modality], settings: CoemSettings, batches: int = 1, labels: int = 0):
        super().__init__()
        self.kinds = [modality.likelihood for modality in modalities]
        self.dims, self.batches, self.labels = settings.n_latent, batches, labels
        extra = len(modalities) + (batches if batches > 1 else 0) + labels
        self.gated = _gated_encoder(modalities, settings, extra) if settings.encoder == "scmvp" else None
        if self.gated is None:
            self._make_encoder(modalities, settings, extra)
        centroids = labels or (1 if settings.prior == "normal" else settings.n_centroids)
        self.prior = Prior(centroids, self.dims, assigned=settings.prior == "vade")
        self.decoders = nn.ModuleList(
            _decoder(m, settings, centroids, batches, modalities) for m in modalities
        )

    def _make_encoder(self, modalities: list[Modality], settings: CoemSettings, extra: int) -> None:
        """Make the default encoder: channels, and linear maps of their components and hidden units."""
        width = settings.n_hidden
        self.channels = nn.ModuleList(
            Channel(
                torch.from_numpy(m.loadings), torch.from_numpy(m.centre), m.scale, width, settings.dropout
            )
            for m in modalities
        )
        sizes = [m.loadings.shape[1] for m in modalities]
        self.straight = nn.Linear(sum(sizes) + extra, self.dims)
        self.bent = nn.Linear(width * len(modalities) + extra, self.dims)
        self.spread = nn.Linear(width * len(modalities) + extra, self.dims)
        self._start_encoder(sizes)

    def _start_encoder(self, sizes: list[int]) -> None:
        """Initialise the dimensions of z at the leading components of the modalities in turn."""
        for layer in (self.straight, self.bent, self.spread):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.spread.bias, -2.0)
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        order = [
            start + place
            for place in range(max(sizes))
            for start, size in zip(starts, sizes, strict=True)
            if place < size
        ]
        with torch.no_grad():
            for dim, column in enumerate(order[: self.dims]):
                self.straight.weight[dim, column] = 1.0

    @property
    def shifts_batches(self) -> bool:
        """Return whether z of a batch can be shifted without a change of what is predicted."""
        linear = all(isinstance(decoder, Decoder) and decoder.linear for decoder in self.decoders)
        return self.batches > 1 and self.gated is None and linear

    @torch.no_grad()
    def shift_batches(self, shifts: Tensor) -> None:
        """Add to z of each batch a shift, and take its effect from the batch's log fractions.

        The likelihood does not tell a shift of z from the batch's own effect on the features. The encoder
        begins at means by batch, which differ where batches differ in their cell types; this corrects it.

        Parameters
        ----------
        shifts
            Batches x dimensions.
        """
        start = self.straight.in_features - self.batches - self.labels
        self.straight.weight[:, start : start + self.batches] += shifts.T
        for decoder in self.decoders:
            decoder.offset -= shifts @ decoder.weight[:, : self.dims].T

    def encode(
        self, seen: list[SparseInput], shown: Tensor, batch: Tensor, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the posterior of z, each cells x dimensions.

        The hidden units of the channels are concatenated, with zeros for modalities not shown; an indicator
        of the modalities shown is a further input.

        Parameters
        ----------
        seen
            Encoder input per modality, cells x features.
        shown
            Modalities shown, float, cells x modalities.
        batch
            Batch of each cell.
        label
            Label of each cell, if the prior is conditioned.
        """
        extra = [shown]
        if self.batches > 1:
            extra.append(nn.functional.one_hot(batch, self.batches).to(shown.dtype))
        if self.labels:
            extra.append(nn.functional.one_hot(label, self.labels).to(shown.dtype))
        if self.gated is not None:
            return self.gated(seen, shown, batch, torch.cat(extra, 1))
        parts = [channel(x, batch) for channel, x in zip(self.channels, seen, strict=True)]
        straight = torch.cat([p * shown[:, [m]] for m, (p, _) in enumerate(parts)] + extra, 1)
        bent = torch.cat([h * shown[:, [m]] for m, (_, h) in enumerate(parts)] + extra, 1)
        mean = self.straight(straight) + self.bent(bent)
        return mean, self.spread(bent).clamp(LOWEST, HIGHEST)

    def log_likelihoods(self, z: Tensor, batch: Batch, instead: list[Tensor] | None = None) -> Tensor:
        """Return log p(counts | z) in nats, cells x modalities; 0 where the cell lacks the modality.

        Parameters
        ----------
        z
            Latent, cells x dimensions.
        batch
            The cells.
        instead
            Log fractions that replace the decoders' output, per modality, cells x features; without zero
            inflation.
        """
        columns, responsibilities = [], self.prior.responsibilities(z)
        for m, (kind, decoder) in enumerate(zip(self.kinds, self.decoders, strict=True)):
            if instead is None and kind in BY_FRACTION and isinstance(decoder, Decoder) and decoder.linear:
                target = batch.target[m]
                told = decoder.log_fractions(z, batch.batch, batch.depth, target.row, target.column)
                columns.append(fraction_log_likelihood(kind, target, told, batch.exposure[m]))
                continue
            logits, zeros = decoder.decode(z, batch.batch, batch.depth, responsibilities)
            if instead is not None:
                logits, zeros = instead[m], torch.full_like(zeros, NEVER)
            target, exposure = batch.target[m], batch.exposure[m]
            if target.dense is None:
                columns.append(sparse_log_likelihood(kind, target, logits, exposure, decoder.log_theta))
                continue
            log_rate = logits.log_softmax(1) + exposure.log()[:, None]
            columns.append(log_likelihood(kind, target.dense, log_rate, decoder.log_theta, zeros))
        return torch.stack(columns, 1) * batch.present

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return log-likelihoods (cells x modalities), divergence (cells,), mean and log variance."""
        mean, log_variance = self.encode(batch.seen, batch.shown, batch.batch, batch.label)
        z = mean if batch.noise is None else mean + (0.5 * log_variance).exp() * batch.noise
        divergence = self.prior.divergence(mean, log_variance, z, batch.label)
        return self.log_likelihoods(z, batch) * batch.target_scale, divergence, mean, log_variance


def _gated_encoder(modalities: list[Modality], settings: CoemSettings, extra: int) -> GatedEncoder:
    width, dropout = settings.n_hidden, settings.dropout
    channels = [
        GatedChannel(torch.from_numpy(m.centre), m.scale, width, dropout, attention=m.name == "atac")
        for m in modalities
    ]
    return GatedEncoder(channels, width, extra, settings.n_latent)


def _decoder(
    m: Modality, settings: CoemSettings, centroids: int, batches: int, modalities: list[Modality]
) -> nn.Module:
    profile, dims, width = torch.from_numpy(m.profile), settings.n_latent, settings.n_hidden
    if settings.decoder == "scmvp":
        return GatedDecoder(profile, dims, width, centroids, batches, attention=m.name == "atac")
    hidden = width if settings.decoder == "mlp" else 0
    return Decoder(profile, dims, hidden, torch.from_numpy(m.offset), len(modalities))
