"""siVAE's network: encoders and decoders of cells and genes, combined by dot product.

Shapes: M models, B cells of a batch, F genes, K latent dimensions, D covariates, H units of the decoders'
last layer. Architecture as in the paper (methods, eq. 1 to 13 and 21 to 23) and its released code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from panscape.sivae.layers import MIN_SD, Encoder, Layers, Linear
from panscape.sivae.settings import SivaeSettings
from panscape.training.distributions import negative_binomial


@dataclass(frozen=True)
class Sizes:
    """Sizes of a stack.

    Parameters
    ----------
    genes
        Number of genes, the same in all models.
    features
        Number of input features of the genes in each model (padded to the largest).
    covariates
        Number of covariate columns of each model.
    """

    genes: int
    features: tuple[int, ...]
    covariates: tuple[int, ...]

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.features)


@dataclass(frozen=True)
class Observed:
    """Decoder output for a batch: `mean` (M, B, F), `scale` (standard deviation or NB dispersion)."""

    mean: Tensor
    scale: Tensor


class Sivae(nn.Module):
    """A stack of independent models of equal shape.

    Parameters
    ----------
    sizes, settings
        Sizes and settings.
    """

    def __init__(self, sizes: Sizes, settings: SivaeSettings):
        super().__init__()
        self.sizes, self.settings = sizes, settings
        models, latent, hidden = sizes.models, settings.n_latent, settings.n_hidden
        covariates = max(sizes.covariates)
        last = latent if settings.linear else hidden[0] + latent * self.joined
        self.cells = Encoder(models, sizes.genes + covariates, hidden, latent, settings.skip_connection)
        self.bias = nn.Parameter(torch.zeros(models, 1, sizes.genes))
        if not settings.linear:
            mirrored = [latent + covariates, *reversed(hidden)]
            self.decoder = Layers(models, mirrored, relus=len(hidden) - 1)
        if settings.gene_wise:
            self.genes = Encoder(models, max(sizes.features), hidden, latent, settings.skip_connection)
            if not settings.linear:
                self.gene_decoder = Layers(models, [latent, *reversed(hidden)], relus=int(len(hidden) > 1))
        if settings.pretrained or not settings.gene_wise:
            self.weights = nn.Parameter(torch.zeros(models, sizes.genes, last))
        if settings.pretrained:
            self.weights_sd = Linear(models, hidden[-1], 1, start="zero")
        if settings.likelihood == "nb":
            self.dispersion = nn.Parameter(torch.zeros(models, 1, sizes.genes))
        elif settings.sigma == "gene":
            self.spread = nn.Parameter(torch.zeros(models, 1, sizes.genes))
        else:
            self.spread = Linear(models, last, 1, start="zero")
        if covariates and (settings.linear or (settings.covariate_term and settings.gamma)):
            self.effects = nn.Parameter(torch.zeros(models, covariates, sizes.genes))

    def draw(self, model: int, generator: torch.Generator) -> None:
        """Draw the starting weights of one model from a separate random stream."""
        extra = self.sizes.covariates[model]
        self.cells.draw(model, generator, self.sizes.genes + extra)
        if not self.settings.linear:
            self.decoder.draw(model, generator, self.settings.n_latent + extra)
            if self.joined:  # the non-linear part, besides z . v, is initially 0
                with torch.no_grad():
                    self.decoder.layers[-1].weight[model] = 0
        if self.settings.gene_wise:
            self.genes.draw(model, generator, self.sizes.features[model])
            if not self.settings.linear:
                self.gene_decoder.draw(model, generator)
        if hasattr(self, "weights"):
            _, genes, width = self.weights.shape
            with torch.no_grad():
                scale = (2 / (genes + width)) ** 0.5
                self.weights[model] = torch.randn(genes, width, generator=generator) * scale

    @torch.no_grad()
    def start_rates(self, model: int, counts: Tensor) -> None:
        """Initialise one model's biases at the genes' fractions of the counts (C, F)."""
        totals = counts.sum(0) + 0.5
        logs = (totals / totals.sum()).log()
        self.bias[model, 0] = logs - logs.mean()

    @property
    def joined(self) -> bool:
        """Whether both decoders' last layers include the embeddings, so that z . v is part of the mean."""
        return self.settings.skip_connection and self.settings.gene_wise and not self.settings.linear

    def encode_cells(self, x: Tensor, covariates: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the cells' posteriors, (M, B, K) each."""
        return self.cells(torch.cat([x, covariates], dim=-1) if covariates.shape[-1] else x)

    def encode_genes(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the genes' posteriors, (M, F, K) each."""
        return self.genes(features)

    def last_layer(self, z: Tensor, covariates: Tensor) -> Tensor:
        """Return the cells' last decoder layer, (M, B, H); the embedding itself where the model is linear."""
        if self.settings.linear:
            return z
        y = self.decoder(torch.cat([z, covariates], dim=-1) if covariates.shape[-1] else z)
        return torch.cat([y, z], dim=-1) if self.joined else y

    def factors(self, y: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return what y . W_f of all genes is the product of, with the weights W decoded from `v`.

        The decoder's layers after its one ReLU are linear, so they can be applied to the cells of a batch
        instead of to all genes, with far fewer operations.

        Parameters
        ----------
        y
            (M, B, H): the cells' last layer.
        v
            (M, F, K): the genes' embedding.

        Returns
        -------
        Cells (M, B, R), genes (M, F, R) and offsets (M, B, 1): y . W_f is cells . genes_f + offset. With
        `joined` last layers, [y, z] . [W_f, v_f] = y . W_f + z . v_f, the last K columns of both are z and v.
        None for an offset of 0.
        """
        if self.settings.linear:
            return y, v, None
        latent, embedded = v.shape[-1], v
        layers, relus = self.gene_decoder.layers, self.gene_decoder.relus
        for layer in layers[:relus]:
            v = functional.relu(layer(v))
        z, y = (y[..., -latent:], y[..., :-latent]) if self.joined else (None, y)
        offset = torch.zeros_like(y[..., :1])
        for layer in reversed(layers[relus:]):
            offset = offset + y @ layer.bias.transpose(-1, -2)
            y = y @ layer.weight.transpose(-1, -2)
        if z is None:
            return y, v, offset
        return torch.cat([y, z], dim=-1), torch.cat([v, embedded], dim=-1), offset

    def times_genes(self, y: Tensor, v: Tensor) -> Tensor:
        """Return y . W_f of all genes, (M, B, F), with the weights W decoded from `v` (:meth:`factors`)."""
        cells, genes, offset = self.factors(y, v)
        product = cells @ genes.transpose(-1, -2)
        return product if offset is None else product + offset

    def gene_weights(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights W decoded from `v`, (M, F, H), and their standard deviation (M, F, 1).

        With `joined` last layers the weights are [W, v].
        """
        layers, relus, hidden = self.gene_decoder.layers, self.gene_decoder.relus, v
        for layer in layers[:relus]:
            v = functional.relu(layer(v))
        spread = torch.ones_like(v[..., :1])
        if hasattr(self, "weights_sd") and relus:
            spread = functional.softplus(self.weights_sd(v)) + MIN_SD
        weights = v
        for layer in layers[relus:]:
            weights = layer(weights)
        return (torch.cat([weights, hidden], dim=-1) if self.joined else weights), spread

    def observe(
        self, y: Tensor, v: Tensor | None, library: Tensor, covariates: Tensor, free: bool = False
    ) -> Observed:
        """Return the decoder output for a batch.

        Parameters
        ----------
        y
            (M, B, H): the cells' last layer.
        v
            (M, F, K): the genes' embedding; unused with `free`.
        library
            (M, B, 1): total counts of the cells over the genes (NB only).
        covariates
            (M, B, D).
        free
            Use the free weights instead of those decoded from `v`.
        """
        free = free or not self.settings.gene_wise
        mean = y @ self.weights.transpose(-1, -2) if free else self.times_genes(y, v)
        mean = mean + self.bias
        if self.settings.linear and covariates.shape[-1]:
            mean = mean + covariates @ self.effects
        if self.settings.likelihood == "nb":
            return Observed(torch.softmax(mean, dim=-1) * library, self.dispersion.exp())
        return Observed(mean, self.noise_sd(y))

    def noise_sd(self, y: Tensor) -> Tensor:
        """Return the standard deviation of Gaussian noise: of the cells, (M, B, 1), or genes, (M, 1, F)."""
        spread = self.spread if self.settings.sigma == "gene" else self.spread(y)
        return functional.softplus(spread) + MIN_SD

    def linear_mean(self, z: Tensor, v: Tensor, library: Tensor, covariates: Tensor) -> Tensor:
        """Return the mean of the interpretability term, z . v (+ bias, + covariate effects), (M, B, F).

        Parameters
        ----------
        z
            Embeddings of the cells, (M, B, K).
        v
            Embeddings of the genes, (M, F, K).
        library
            Total counts of the cells, (M, B, 1).
        covariates
            (M, B, D).
        """
        mean = z @ v.transpose(-1, -2)
        if self.settings.linear_bias:
            mean = mean + self.bias
        if covariates.shape[-1] and hasattr(self, "effects"):
            mean = mean + covariates @ self.effects
        return torch.softmax(mean, dim=-1) * library if self.settings.likelihood == "nb" else mean

    def likelihood(self, x: Tensor, observed: Observed) -> Tensor:
        """Return log p(x) of every value, (M, B, F)."""
        if self.settings.likelihood == "nb":
            return negative_binomial(x, observed.mean, observed.scale)
        return normal(x, observed.mean, observed.scale)

    def penalty(self, part: int) -> Tensor:
        """Return the L2 penalty of every model on the weights trained in a part, (M,).

        Other weights must have no gradient at all, because Adam would turn tiny gradients into full steps.
        """
        settings = self.settings
        cells = [self.cells.hidden, getattr(self, "decoder", None)]
        groups = [(settings.l2, cells)] if part != 1 else []
        if settings.gene_wise and part != 0:
            groups.append((settings.l2_feature, [self.genes.hidden, getattr(self, "gene_decoder", None)]))
        total = torch.zeros(self.sizes.models, device=self.bias.device)
        for scale, layers in groups:
            for kernel in [kernel for item in layers if item is not None for kernel in item.kernels()]:
                total = total + scale / 2 * kernel.square().sum((1, 2))
        if hasattr(self, "weights") and (part == 0 or not settings.gene_wise):
            total = total + settings.l2_output / 2 * self.weights.square().sum((1, 2))
        return total


def normal(x: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """Return log N(x; mean, sd^2) without its constant, elementwise.

    Parameters
    ----------
    x
        Values.
    mean, sd
        Of the normal distribution, of the shape of `x` or broadcast to it.
    """
    return -0.5 * ((x - mean) / sd).square() - sd.log()
