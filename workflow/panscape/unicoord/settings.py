"""Settings of coordinates and their training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, ClassVar

from panscape.errors import fail, nearest
from panscape.settings import FromMapping, Renamed
from panscape.unicoord.transform import TRANSFORMS

KINDS = ("discrete", "continuous", "ordinal")
USUAL = {"cell_type": "discrete", "platform": "discrete", "age": "continuous"}
"""Labels and their kinds where the configuration lists none, of those that vary."""
ENCODERS = ("projection", "genes")
NORMALISATIONS = ("depth-log1p", "log1p", "none")
INDEPENDENCE = ("none", "hsic", "adversary")


_LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("n_latent", "ensemble", "n_epochs", "batch_size", "n_neighbors"), (1, inf)),
    **dict.fromkeys(
        ("diffusion", "n_genes", "min_steps", "patience", "stream_above_mb", "weight_decay"), (0, inf)
    ),
    **dict.fromkeys(
        ("dropout", "teacher_forcing", "balance", "smoothing", "held_out", "validation", "scale_power"),
        (0, 1),
    ),
    "n_components": (2, inf),
}  # lowest and highest values


def _check_keys(kind: type, given: Mapping[str, Any], where: str) -> None:
    """Raise a UserError for a key that is no field of a class."""
    known = [item.name for item in fields(kind)]
    for key in given:
        if key not in known:
            guess = nearest(key, known)
            advice = f"did you mean {guess!r}?" if guess else f"there are {', '.join(known)}"
            raise fail(f"{where}.{key}", "unknown setting", advice)


@dataclass(frozen=True)
class Label:
    """A label that supervises a coordinate.

    Parameters
    ----------
    name
        Column of the cells' annotation.
    kind
        ``"discrete"`` (classes), ``"continuous"`` (a number) or ``"ordinal"`` (ordered classes).
    order
        Ordinal classes from first to last; empty for numbers.
    min_cells
        Classes with fewer training cells are left out; their cells count as unlabelled.
    transform
        Scale on which a continuous label is learned: ``"none"`` (as it is), ``"log1p"`` or ``"sqrt"`` (values
        of at least 0) or ``"rank"`` (fraction of training cells below). Predictions and requests stay in the
        label's unit.

    Examples
    --------
    >>> Label("layer", "ordinal", order=("I", "II")).order
    ('I', 'II')
    """

    name: str
    kind: str
    order: tuple[str, ...] = ()
    min_cells: int = 2
    transform: str = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(str(value) for value in self.order))
        if self.kind not in KINDS:
            raise ValueError(f"label {self.name}: kind {self.kind!r} is not one of {KINDS}")
        if self.order and self.kind != "ordinal":
            raise ValueError(f"label {self.name}: only an ordinal label has an order")
        if self.transform not in TRANSFORMS:
            raise ValueError(f"label {self.name}: transform {self.transform!r} is not one of {TRANSFORMS}")
        if self.transform != "none" and self.kind != "continuous":
            raise ValueError(f"label {self.name}: only a continuous label has a transform")

    @classmethod
    def of(cls, label: Label | Mapping[str, Any]) -> Label:
        """Return a label, converted from a mapping if necessary; keys of None count as absent."""
        if isinstance(label, Label):
            return label
        missing = {"name", "kind"} - label.keys()
        if missing:
            raise fail("unicoord.labels", f"{dict(label)} has no {missing.pop()}", "give name and kind")
        chosen = {key: value for key, value in label.items() if value is not None}
        _check_keys(cls, chosen, "unicoord.labels")
        return cls(**chosen)


@dataclass(frozen=True)
class Hierarchy:
    """A discrete label whose classes are sums of another one's.

    Parameters
    ----------
    child, parent
        Names of two discrete labels.
    table
        (child class, parent class) pairs; if empty, they are inferred from the labelled training cells.
    """

    child: str
    parent: str
    table: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Weights:
    """Weight of each term of the loss, in nats per cell; 0 leaves the term out.

    Examples
    --------
    >>> Weights.of({"classification": 100}).classification
    100
    """

    reconstruction: float = 1.0
    kl_continuous: float = 1.0
    kl_discrete: float = 1.0
    classification: float = 1.0
    regression: float = 1.0
    hierarchy: float = 1.0
    diffusion: float = 0.1
    clustering: float = 0.001
    independence: float = 1.0

    @classmethod
    def of(cls, weights: Weights | Mapping[str, float]) -> Weights:
        """Return weights, converted from a mapping of changes to the defaults if necessary."""
        if isinstance(weights, Weights):
            return weights
        _check_keys(cls, weights, "unicoord.loss_weights")
        return cls(**weights)


@dataclass(frozen=True)
class UniCoordSettings(FromMapping):
    """Settings of `train`, with the keys of the configuration's section ``unicoord``.

    Parameters
    ----------
    n_latent, diffusion, discrete, clusters
        Unsupervised coordinates: continuous ones; continuous ones that follow the cells' kNN graph; classes
        of each free discrete one; classes of each discrete one that clusters.
    n_genes
        Number of variable genes, chosen on the training cells; 0 uses all.
    normalisation
        ``"depth-log1p"`` or ``"log1p"`` of counts; ``"none"`` for values that are normalised already.
    encoder
        ``"projection"``: from principal components of the training cells, labels by an ensemble of small
        networks, initialised at the linear optimum. ``"genes"``: one network from all genes (published).
    n_components, scale_power
        Number of principal components, and the power of their standard deviation by which genes are divided
        beforehand.
    ensemble, n_hidden, n_hidden_decoder, dropout
        Number of networks that predict labels; widths of encoder and decoder; dropout rate.
    linear_head
        Whether a linear classifier on the genes votes on discrete labels beside the ensemble.
    interactions
        Whether the unsupervised coordinates move with pairs of classes when a label is set.
    teacher_forcing
        Fraction of cells whose true labels, not the predicted ones, are given to the decoder in training.
    conditional
        Infer the unsupervised coordinates from the cell and its labels, so that they need not encode labels.
    kl_supervised
        Whether continuous labels are noisy coordinates with a prior (published) or plain values.
    fixed_noise
        Divide the squared error by the residual variance of a linear model, which makes it a likelihood in
        nats; False uses the plain sum over genes (published).
    capacity, capacity_fraction
        Target divergence of the unsupervised coordinates (nats), reached at this fraction of training; None:
        a plain KL divergence.
    capacity_steps
        Steps after which the capacity is reached; None: `capacity_fraction` of all steps.
    temperature
        Temperature of the Gumbel-softmax.
    double_softmax
        Treat probabilities as logits in the cross-entropy (released code).
    standardise
        Scale continuous labels to mean 0 and standard deviation 1.
    balance, smoothing
        Power of the inverse class frequency that weighs a class, and label smoothing.
    independence
        How the unsupervised coordinates are made independent of labels: ``"none"``, ``"hsic"`` or
        ``"adversary"``.
    loss_weights
        Weights of the terms of the loss.
    n_epochs, min_steps, batch_size, learning_rate, weight_decay, patience
        Training: maximum number of epochs, minimum number of steps, minibatch size, AdamW, and the number of
        validations without improvement that ends it.
    held_out, validation
        Fractions of the cells not trained on: for the final test, and for early stopping and calibration.
    n_neighbors
        Neighbours of each cell, itself not counted, in the graph of the diffusion coordinates.
    unknown_fraction
        Fraction of known cells that may be called unknown.
    stream_above_mb
        Matrices larger than this (MB in memory) are streamed from their files.

    Examples
    --------
    >>> UniCoordSettings(n_latent=10, n_hidden=[64]).n_hidden
    (64,)
    >>> UniCoordSettings.of({"n_epoch": 3})
    Traceback (most recent call last):
    panscape.errors.UserError: 1 problem:
      - unicoord.n_epoch: unknown setting -> did you mean 'n_epochs'?
    """

    SECTION: ClassVar[str] = "unicoord"
    BESIDE: ClassVar[frozenset[str]] = frozenset(
        ["labels", "tables", "label_transfer", "apply", "scenarios", "network_cut", "restore", "integrate"]
    )
    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "latent": Renamed("n_latent"),
        "hidden": Renamed("n_hidden"),
        "decoder_hidden": Renamed("n_hidden_decoder"),
        "committee": Renamed("ensemble"),
        "teach": Renamed("teacher_forcing"),
        "weights": Renamed("loss_weights"),
        "epochs": Renamed("n_epochs"),
        "batch": Renamed("batch_size"),
        "neighbours": Renamed("n_neighbors"),
        "unknown_share": Renamed("unknown_fraction"),
        "capacity_share": Renamed("capacity_fraction"),
        "bridges": Renamed("label_transfer"),
        "components": Renamed("n_components"),
    }

    n_latent: int = 30
    diffusion: int = 0
    discrete: tuple[int, ...] = ()
    clusters: tuple[int, ...] = ()
    n_genes: int = 2000
    normalisation: str = "depth-log1p"
    encoder: str = "projection"
    n_components: int = 50
    scale_power: float = 0.5
    ensemble: int = 4
    n_hidden: tuple[int, ...] = (128, 128)
    n_hidden_decoder: tuple[int, ...] = (128,)
    dropout: float = 0.15
    linear_head: bool = True
    interactions: bool = True
    teacher_forcing: float = 0.5
    conditional: bool = True
    kl_supervised: bool = False
    fixed_noise: bool = True
    capacity: float | None = None
    capacity_fraction: float = 0.5
    capacity_steps: int | None = None
    temperature: float = 0.67
    double_softmax: bool = False
    standardise: bool = True
    balance: float = 0.25
    smoothing: float = 0.0
    independence: str = "none"
    loss_weights: Weights = field(default_factory=Weights)
    n_epochs: int = 6
    min_steps: int = 600
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    patience: int = 6
    held_out: float = 0.1
    validation: float = 0.1
    n_neighbors: int = 15
    unknown_fraction: float = 0.05
    stream_above_mb: float = 4000.0

    def __post_init__(self) -> None:
        for name in ("discrete", "clusters", "n_hidden", "n_hidden_decoder"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        object.__setattr__(self, "loss_weights", Weights.of(self.loss_weights))
        for name, allowed in (
            ("encoder", ENCODERS),
            ("normalisation", NORMALISATIONS),
            ("independence", INDEPENDENCE),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {allowed}")
        for name, (low, high) in _LIMITS.items():
            if not low <= getattr(self, name) <= high:
                limits = f"{low:g} or more" if high == inf else f"{low:g} to {high:g}"
                raise fail(f"unicoord.{name}", f"found {getattr(self, name)!r}", f"write {limits}")
        if self.held_out + self.validation >= 1:
            raise ValueError("held_out and validation leave no cell to train on")
        if min(self.discrete + self.clusters, default=2) < 2:
            raise ValueError("a discrete coordinate needs at least 2 classes")
