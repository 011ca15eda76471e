"""Neural network of encoder, label predictors and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from panscape.training.layers import mlp
from panscape.training.noise import Draws, dropout
from panscape.unicoord.labels import Layout
from panscape.unicoord.settings import UniCoordSettings

CLIP = 10.0  # standard scores are clipped to this range


class Ensemble(nn.Module):
    """Ensemble of small networks that each predict all labels.

    Parameters
    ----------
    width, out
        Number of inputs and of outputs.
    hidden
        Widths of the hidden layers.
    members
        Number of networks.
    dropout
        Dropout rate of hidden activations (half of it for the inputs, with `plain` False; none after the last
        hidden layer, with `plain` True).
    plain
        ReLU only (published); otherwise layer normalisation, GELU, and a linear skip
        connection past the hidden layers.
    """

    def __init__(
        self, width: int, hidden: tuple[int, ...], out: int, members: int, dropout: float, plain: bool
    ):
        super().__init__()
        sizes = (width, *hidden, out)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for number, (before, after) in enumerate(pairwise(sizes)):
            gain = 0.1 if number == len(hidden) and not plain else 2**0.5 if plain else 1.0
            self.weights.append(nn.Parameter(torch.randn(members, before, after) * gain * before**-0.5))
            self.biases.append(nn.Parameter(torch.zeros(members, 1, after)))
        self.linear = None if plain else nn.Parameter(torch.zeros(members, width, out))
        self.members, self.dropout, self.plain = members, dropout, plain

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs (M, B, out) and the last hidden layer (M, B, H) of inputs (B, width)."""
        x = x.expand(self.members, *x.shape)
        h = x if self.plain else dropout(x, self.dropout / 2, self.training)
        last = len(self.weights) - 2
        for number, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            h = torch.baddbmm(bias, h, weight)
            h = torch.relu(h) if self.plain else functional.gelu(functional.layer_norm(h, h.shape[-1:]))
            if not (self.plain and number == last):
                h = dropout(h, self.dropout, self.training)
        out = torch.baddbmm(self.biases[-1], h, self.weights[-1])
        return (out if self.linear is None else out + torch.bmm(x, self.linear)), h


def _inner(dropout: float, layers: int) -> list[float]:
    """Return the dropout rates after each layer of the published decoder, 0 at either end."""
    return [dropout if 0 < number < layers - 1 else 0.0 for number in range(layers)]


@dataclass(frozen=True)
class Forward:
    """Output of a forward pass; B cells, M ensemble members, G genes.

    Attributes
    ----------
    outputs
        (M, B, labels) numbers and logits.
    labels
        (B, labels) the labels given to the decoder.
    mean, log_variance
        (B, unsupervised continuous) posterior.
    value_log_variance
        (B, labels that are numbers) or None: their posterior.
    latent
        (B, unsupervised continuous) drawn, or the mean.
    logits, chosen
        (B, free classes) of the free discrete coordinates: logits, and one-hot samples.
    expression
        (B, G) decoded.
    """

    outputs: Tensor
    labels: Tensor
    mean: Tensor
    log_variance: Tensor
    value_log_variance: Tensor | None
    latent: Tensor
    logits: Tensor
    chosen: Tensor
    expression: Tensor


class Network(nn.Module):
    """Encoder, ensemble of label predictors, and decoder.

    Parameters
    ----------
    layout
        The labels.
    n_genes
        Number of genes G.
    settings
        See :class:`UniCoordSettings`.
    components
        Number of principal components, for the projecting encoder.
    """

    def __init__(self, layout: Layout, n_genes: int, settings: UniCoordSettings, components: int):
        super().__init__()
        self.layout, self.settings = layout, settings
        self.free = (*settings.clusters, *settings.discrete)
        self.projecting = settings.encoder == "projection"
        self.continuous = settings.diffusion + settings.n_latent
        width = components if self.projecting else n_genes
        self.register_buffer("centre", torch.zeros(n_genes))
        self.register_buffer("noise", torch.ones(()))
        if self.projecting:
            self.register_buffer("axes", torch.zeros(n_genes, components))
            self.register_buffer("scale", torch.ones(n_genes))
        rate, hidden = settings.dropout, settings.n_hidden
        members, plain = (settings.ensemble if self.projecting else 1), not self.projecting
        self.ensemble = Ensemble(width, hidden, layout.width, members, rate, plain)
        inputs = (width if self.projecting else hidden[-1]) + (layout.width if settings.conditional else 0)
        outputs = 2 * self.continuous + sum(self.free) + (len(layout.values) if settings.kl_supervised else 0)
        self.direct = nn.Linear(inputs, outputs)
        self.bend = None
        if self.projecting:
            self.bend = mlp((inputs, hidden[-1], outputs), norm="layer", dropout=rate, last_linear=True)
            nn.init.zeros_(self.bend[-1].weight)
        code = layout.width + self.continuous + sum(self.free)
        self.decoder = mlp(
            (code, *settings.n_hidden_decoder), norm="layer" if self.projecting else None,
            dropout=rate if self.projecting else _inner(rate, len(settings.n_hidden_decoder)),
        )  # fmt: skip
        # skip connection of the code, so that the decoder can start as a linear model
        self.last = nn.Linear(settings.n_hidden_decoder[-1] + (code if self.projecting else 0), n_genes)
        if self.projecting:
            nn.init.normal_(self.last.weight, std=0.01)
            nn.init.zeros_(self.last.bias)
        if settings.independence == "adversary":
            self.adversary = mlp((self.continuous, 64, layout.width), last_linear=True)
        self._tables()

    def _tables(self) -> None:
        """Prepare the sums of child classes that represent the classes of derived labels."""
        self._derived: list[tuple[slice, slice, str]] = []
        for name, (child, parents) in self.layout.tables.items():
            derived, below = self.layout.part(name), self.layout.part(child)
            table = functional.one_hot(torch.tensor(parents), derived.stop - derived.start).float()
            self.register_buffer(f"table_{len(self._derived)}", table, persistent=False)
            self._derived.append((derived, below, f"table_{len(self._derived)}"))

    def features(self, x: Tensor) -> Tensor:
        """Return the encoder's inputs: principal components (B, F), or the genes themselves."""
        if not self.projecting:
            return x
        return (x - self.centre).div_(self.scale).clamp_(-CLIP, CLIP) @ self.axes

    def outputs(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return label outputs (M, B, labels) and hidden activations; parents are sums of their children."""
        out, hidden = self.ensemble(features)
        for derived, below, table in self._derived:
            child = functional.softmax(out[..., below], -1) @ getattr(self, table)
            out = torch.cat([out[..., : derived.start], (child + 1e-8).log(), out[..., derived.stop :]], -1)
        return out, hidden

    def vote(self, outputs: Tensor) -> Tensor:
        """Return the ensemble's mean value of each number and mean probability of each class (B, labels)."""
        parts = []
        for label in self.layout.labels:
            part = outputs[..., self.layout.part(label.name)]
            parts.append((functional.softmax(part, -1) if label.discrete else part).mean(0))
        return torch.cat(parts, -1) if parts else outputs[0]

    def posterior(
        self, features: Tensor, hidden: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return mean, log variance, free logits and log variance of labels of the coordinates.

        Parameters
        ----------
        features
            (B, F) inputs of the encoder.
        hidden
            (M, B, H) hidden activations of the ensemble.
        labels
            (B, labels) code of the labels.
        """
        inputs = features if self.projecting else hidden[0]
        if self.settings.conditional:
            inputs = torch.cat([inputs, labels], -1)
        out = self.direct(inputs)
        if self.bend is not None:
            out = out + self.bend(inputs)
        sizes = [self.continuous, self.continuous, sum(self.free)]
        mean, log_variance, logits, values = out.split([*sizes, out.shape[-1] - sum(sizes)], -1)
        return mean, log_variance.clamp(-10, 6), logits, values.clamp(-10, 6)

    def decode(self, labels: Tensor, latent: Tensor, chosen: Tensor) -> Tensor:
        """Return expression (B, G) of coordinates; not clipped at 0 while training.

        Parameters
        ----------
        labels
            (B, labels) code of the labels.
        latent
            (B, continuous) unsupervised continuous coordinates.
        chosen
            (B, classes) free discrete coordinates.
        """
        code = torch.cat([labels, latent, chosen], -1)
        hidden = self.decoder(code)
        out = self.last(torch.cat([hidden, code], -1) if self.projecting else hidden)
        return out + self.centre if self.projecting else torch.relu(out)

    def choose(self, logits: Tensor, sizes: tuple[int, ...], draw: bool) -> Tensor:
        """Return one class of each discrete coordinate: drawn (Gumbel-softmax) or the most probable one.

        Parameters
        ----------
        logits
            (..., classes of all coordinates).
        sizes
            Number of classes of each coordinate.
        draw
            Whether to sample.
        """
        parts = []
        for part in logits.split(list(sizes), -1) if sizes else ():
            if draw:
                drawn = part + Draws.gumbel(part.shape, part.device)
                parts.append(functional.softmax(drawn / self.settings.temperature, -1))
            else:
                parts.append(functional.one_hot(part.argmax(-1), part.shape[-1]).to(part.dtype))
        return torch.cat(parts, -1) if parts else logits[..., :0]

    def guess(self, outputs: Tensor, log_variance: Tensor | None, draw: bool) -> Tensor:
        """Return the predicted labels as a code (B, labels), with noise if `draw`.

        Parameters
        ----------
        outputs
            (M, B, labels) outputs of the ensemble.
        log_variance
            (B, labels that are numbers) or None: log variance of their posterior.
        draw
            Whether to sample.
        """
        vote = self.vote(outputs)
        count = len(self.layout.values)
        values, shares = vote[:, :count], vote[:, count:]
        if draw and log_variance is not None and count:
            values = values + Draws.normal(values.shape, values.device) * (0.5 * log_variance).exp()
        sizes = tuple(label.width for label in self.layout.discrete)
        return torch.cat([values, self.choose((shares + 1e-8).log(), sizes, draw)], -1)

    def forward(self, x: Tensor, known: Tensor, given: Tensor, draw: bool) -> Forward:
        """Encode and decode cells.

        Parameters
        ----------
        x
            (B, G) normalised expression.
        known
            (B, labels) true labels as a code; ignored where they are not given.
        given
            (B, labels) whether the true label is given to the decoder.
        draw
            Sample the coordinates (training); otherwise use means and most probable classes.
        """
        features = self.features(x)
        outputs, hidden = self.outputs(features)
        noise = None
        if self.settings.kl_supervised:
            noise = self.posterior(features, hidden, torch.zeros_like(known))[3]
        guess = self.guess(outputs, noise, draw)
        if self.projecting:  # label predictors are trained on labels only
            guess = guess.detach()
        labels = torch.where(given, known, guess)
        mean, log_variance, logits, _ = self.posterior(features, hidden, labels)
        latent = mean + Draws.normal(mean.shape, mean.device) * (0.5 * log_variance).exp() if draw else mean
        chosen = self.choose(logits, self.free, draw)
        decoded = self.decode(labels, latent, chosen)
        return Forward(outputs, labels, mean, log_variance, noise, latent, logits, chosen, decoded)
