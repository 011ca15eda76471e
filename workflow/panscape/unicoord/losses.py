"""The terms of the loss, each a mean over cells in nats (or sums of squares, in the published setting)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from panscape.training.distributions import normal_kl
from panscape.unicoord.labels import Layout
from panscape.unicoord.settings import UniCoordSettings

_PULL = 0.01  # weight of the confusion: with a larger one the coordinates outrun the discriminator
_NOTHING = 1e-12  # sum of weights where no cell has the label: its term is 0
_HUBER = 0.3  # standard deviations beyond which errors of values count linearly


def reconstruction(x: Tensor, decoded: Tensor, noise: Tensor, fixed: bool) -> Tensor:
    """Return the squared error summed over genes; `fixed` divides it by twice the noise's variance.

    Parameters
    ----------
    x, decoded
        (B, G) expression of cells and its reconstruction.
    noise
        Variance of the noise.
    fixed
        Whether to weight by the noise.
    """
    error = (x - decoded).square().sum(-1).mean()
    return error / (2 * noise) if fixed else error


def kl_continuous(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(posterior || N(0, 1)) summed over coordinates."""
    return normal_kl(mean, (0.5 * log_variance).exp()).sum(-1).mean()


def kl_discrete(probabilities: Sequence[Tensor]) -> Tensor:
    """Return KL(posterior || uniform) summed over discrete coordinates, each (B, classes)."""
    return sum(
        ((share * (share + 1e-8).log()).sum(-1).mean() + torch.tensor(float(share.shape[-1])).log())
        for share in probabilities
    )


def beyond(kl: Tensor, capacity: float | None) -> Tensor:
    """Return |capacity - KL|, or the KL itself without a capacity (None)."""
    return kl if capacity is None else (capacity - kl).abs()


def classification(outputs: Tensor, codes: Tensor, weights: Tensor, smoothing: float, double: bool) -> Tensor:
    """Return the cross-entropy of one label, the mean over labelled cells and ensemble members.

    Parameters
    ----------
    outputs
        (M, B, classes) logits.
    codes
        (B,) classes, -1 where missing.
    weights
        (classes,) weight of each class.
    smoothing
        Fraction of the target that is spread over all classes (label smoothing).
    double
        Treat probabilities as logits (released code).
    """
    logits = functional.softmax(outputs, -1) if double else outputs
    target = codes.expand(logits.shape[0], -1)
    # a choice of the labelled cells would have to be known on the host before the next operation
    total = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        target.reshape(-1),
        weight=weights,
        label_smoothing=smoothing,
        ignore_index=-1,
        reduction="sum",
    )
    weight = weights[codes.clamp(min=0)] * (codes >= 0)
    return total / (logits.shape[0] * weight.sum()).clamp(min=_NOTHING)


def regression(outputs: Tensor, values: Tensor, huber: bool) -> Tensor:
    """Return the error of one label's value (M, B), the mean over labelled cells and members.

    Squared error (published), or Huber's loss, which is less sensitive to outlying cells.

    Parameters
    ----------
    outputs
        (M, B) predictions of the ensemble, scaled.
    values
        (B,) scaled values, NaN where missing.
    huber
        Use Huber's loss.
    """
    there = values.isfinite()
    target = torch.where(there, values, 0).expand(outputs.shape[0], -1)
    if huber:
        errors = 3 * functional.smooth_l1_loss(outputs, target, beta=_HUBER, reduction="none")
    else:
        errors = (outputs - target).square()
    return (errors * there).sum() / (outputs.shape[0] * there.sum()).clamp(min=1)


def clustering(features: Tensor, shares: Sequence[Tensor], ratio: float = 0.1) -> Tensor:
    """Return squared distances within clusters less those between (released code; not in the paper).

    Parameters
    ----------
    features
        (B, F) inputs of the encoder.
    shares
        (B, classes) class probabilities of each clustering coordinate.
    ratio
        Weight of the distances between clusters.
    """
    apart = torch.cdist(features, features).square() / features.shape[-1]
    total = features.sum() * 0
    for share in shares:
        same = share @ share.T
        total = total + (apart * ((1 + ratio) * same - ratio)).mean()
    return total


def standardised(latent: Tensor) -> Tensor:
    """Return coordinates (B, d) with mean 0 and variance 1, since small ones can be informative."""
    centred = latent - latent.mean(0)
    return centred / (centred.square().mean(0).sqrt() + 1e-6)


def hsic(latent: Tensor, labels: Tensor, given: Tensor) -> Tensor:
    """Return the dependence of standardised latent coordinates on labels, 0 to 1.

    Normalised Hilbert-Schmidt independence criterion with Gaussian kernels of the coordinates (width by their
    dimension) and linear ones of the labels' codes; unknown labels are replaced by their mean.

    Parameters
    ----------
    latent
        (B, d) coordinates.
    labels
        (B, L) codes of the labels.
    given
        (B, L) whether they are known.
    """
    n, latent = latent.shape[0], standardised(latent)
    apart = torch.cdist(latent, latent).square()
    kernel = (-apart / (2 * max(latent.shape[1], 1))).exp()
    count = given.sum(0).clamp(min=1)
    centred = torch.where(given, labels - torch.where(given, labels, 0).sum(0) / count, 0)
    centred = centred / (centred.square().mean(0).sqrt() + 1e-6)
    other = centred @ centred.T
    middle = torch.eye(n, device=latent.device) - 1.0 / n
    a, b = middle @ kernel @ middle, middle @ other @ middle
    return (a * b).sum() / (a.norm() * b.norm() + 1e-6)


def adversary(reader: nn.Module, latent: Tensor, labels: Tensor, given: Tensor, layout: Layout) -> Tensor:
    """Return the adversarial loss: discriminator and confusion.

    The discriminator predicts labels from coordinates (cross-entropy, squared error). The coordinates are
    trained, with a small weight, towards predictions equal to the class frequencies and the mean values.
    That objective has a minimum; maximising the discriminator's error, the usual choice, has none, and lets
    the coordinates grow and become more informative.

    Parameters
    ----------
    reader
        The discriminator: coordinates (B, d) to label outputs (B, L).
    latent
        (B, d) coordinates.
    labels, given
        (B, L) codes of the labels, and whether they are known.
    layout
        The labels.
    """
    latent = standardised(latent)
    frozen = {name: weight.detach() for name, weight in reader.named_parameters()}
    read, shown = reader(latent.detach()), torch.func.functional_call(reader, frozen, latent)
    total = latent.sum() * 0
    for label in layout.labels:
        part = layout.part(label.name)
        there = given[:, part.start].to(latent.dtype)
        # sums over all cells with a weight of 0 or 1: a choice of the labelled ones waits for a GPU
        number = there.sum().clamp(min=1)
        true, predicted, shown_to = (table[:, part] for table in (labels, read, shown))
        true = torch.where(there[:, None] > 0, true, 0)
        usual = true.sum(0) / number
        if label.discrete:
            error = functional.cross_entropy(predicted, true.argmax(-1), reduction="none")
            away = (torch.xlogy(usual, usual) - usual * functional.log_softmax(shown_to, -1)).sum(-1)
        else:
            error, away = (predicted - true).square().mean(-1), (shown_to - usual).square().mean(-1)
        total = total + ((error + _PULL * away) * there).sum() / number
    return total


def by_label(outputs: Tensor, layout: Layout, codes: Tensor, values: Tensor, weights: dict[str, Tensor],
             settings: UniCoordSettings) -> dict[str, Tensor]:  # fmt: skip
    """Return `classification`, `regression` and `hierarchy`: each the sum over its labels.

    A label that a hierarchy derives from another one is in `hierarchy`: the cross-entropy of the sums of
    its child classes' probabilities, which trains the child label also where only the parent is known.

    Parameters
    ----------
    outputs
        (M, B, L) outputs of the ensemble.
    layout
        The labels.
    codes, values
        (B, discrete labels) class numbers, -1 where missing; (B, labels that are numbers), NaN where
        missing.
    weights
        Label -> (classes,) weight of each class.
    settings
        Smoothing and the form of the terms.
    """
    terms = {name: outputs.sum() * 0 for name in ("classification", "regression", "hierarchy")}
    for at, label in enumerate(layout.values):
        predicted = outputs[..., layout.part(label.name)][..., 0]
        terms["regression"] = terms["regression"] + regression(predicted, values[:, at], settings.fixed_noise)
    for at, label in enumerate(layout.discrete):
        derived = label.name in layout.tables
        name = "hierarchy" if derived else "classification"
        part = outputs[..., layout.part(label.name)]
        smoothing = 0.0 if derived else settings.smoothing
        terms[name] = terms[name] + classification(
            part, codes[:, at], weights[label.name], smoothing, settings.double_softmax
        )
    return terms
