"""Settings of the joint embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from panscape.settings import FromMapping, Renamed

ENCODERS = ("mlp", "scmvp")
DECODERS = ("linear", "mlp", "scmvp")
PRIORS = ("mixture", "vade", "normal")
HEADS = 8  # of attention in the published model
METRICS = ("information", "plain")
RNA_LIKELIHOODS = ("nb", "zip", "poisson", "zinb")
ATAC_LIKELIHOODS = ("auto", "bernoulli", "poisson", "zip", "nb")


@dataclass(frozen=True)
class CoemSettings(FromMapping):
    """Settings of :func:`panscape.coem.embed.embed`; keys of the configuration's section ``coem``.

    Parameters
    ----------
    encoder
        ``"mlp"``: per modality a projection, initialised at the leading components, and a fully connected
        layer; ``"scmvp"``: as published, a gated channel for genes and an attention channel for peaks.
    decoder
        ``"linear"``: log rates are linear in z; ``"mlp"``: with a hidden layer; ``"scmvp"``: as published,
        with hidden units gated by the prior's component and cell-specific zero inflation.
    n_latent, n_hidden, n_projection
        Dimensions of z, units of the hidden layers, dimensions of a channel's projection (``"mlp"`` encoder).
    prior, n_centroids
        ``"mixture"`` of `n_centroids` diagonal Gaussians; ``"vade"``, the same mixture with the divergence of
        z and component jointly (published); or a standard ``"normal"``.
    rna_likelihood, atac_likelihood
        Distribution of the counts; ``"auto"`` is Bernoulli for binary values, else Poisson.
    rna_weight, atac_weight
        Factor of a modality's log-likelihood in the loss; 1 is the likelihood of the model.
    n_epochs, min_steps, batch_size, learning_rate
        Optimisation. Training lasts `n_epochs` passes over the cells, or `min_steps` steps if these are more.
    anneal
        The learning rate rises, then falls to 0, and the decoder's is 2.5 times the encoder's (AdamW);
        otherwise it is constant.
    warmup_fraction
        Fraction of the steps over which the weight of the divergence rises to 1.
    thinning
        Fraction of a cell's counts that are withheld from the encoder and predicted.
    modality_dropout
        Fraction of the cells of a step of which the encoder sees one modality only.
    dropout
        Fraction of hidden activations dropped while training.
    shrinkage
        Shrink the decoder's weights by a Gaussian prior whose variances are estimated during training.
    held_out, patience
        Fraction of held-out cells; epochs without improvement before training stops (0: never).
    min_gene_cells, min_peak_cells
        Minimum number of cells in which a modelled feature is detected.
    peak_fraction
        Minimum and maximum fraction of the cells in which a modelled peak is open.
    max_genes, max_peaks
        Maximum number of features modelled.
    metric
        ``"information"``: a latent dimension is measured in units of its posterior standard deviation and
        shrunk by its reliability; ``"plain"``: not scaled.

    Examples
    --------
    >>> CoemSettings.of({"n_epochs": 5}).n_epochs
    5
    """

    SECTION: ClassVar[str] = "coem"
    BESIDE: ClassVar[frozenset[str]] = frozenset(("batch_key", "condition_on"))
    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "epochs": Renamed("n_epochs"),
        "batch": Renamed("batch_key"),
        "warmup": Renamed("warmup_fraction"),
        "peak_share": Renamed("peak_fraction"),
    }

    encoder: str = "mlp"
    decoder: str = "linear"
    n_latent: int = 30
    n_hidden: int = 64
    n_projection: int = 30
    prior: str = "mixture"
    n_centroids: int = 10
    rna_likelihood: str = "nb"
    atac_likelihood: str = "auto"
    rna_weight: float = 1.0
    atac_weight: float = 1.0
    n_epochs: int = 10
    min_steps: int = 600
    batch_size: int = 64
    learning_rate: float = 4e-3
    anneal: bool = True
    warmup_fraction: float = 0.3
    thinning: float = 0.5
    modality_dropout: float = 0.15
    dropout: float = 0.0
    shrinkage: bool = True
    held_out: float = 0.1
    patience: int = 0
    min_gene_cells: int = 5
    min_peak_cells: int = 10
    peak_fraction: tuple[float, float] = (0.005, 1.0)
    max_genes: int = 5000
    max_peaks: int = 50_000
    metric: str = "information"

    def __post_init__(self) -> None:
        object.__setattr__(self, "peak_fraction", tuple(self.peak_fraction))
        for key, known in (
            ("encoder", ENCODERS),
            ("decoder", DECODERS),
            ("prior", PRIORS),
            ("metric", METRICS),
            ("rna_likelihood", RNA_LIKELIHOODS),
            ("atac_likelihood", ATAC_LIKELIHOODS),
        ):
            if getattr(self, key) not in known:
                raise ValueError(f"{key} {getattr(self, key)!r}: one of {', '.join(known)}")
        fractions = (self.thinning, self.modality_dropout, self.dropout, self.held_out)
        if not all(0 <= fraction < 1 for fraction in fractions) or not 0 <= self.warmup_fraction <= 1:
            raise ValueError(
                "thinning, modality_dropout, dropout, held_out are in [0, 1) and warmup_fraction in [0, 1]"
            )
        if min(self.rna_weight, self.atac_weight) <= 0:
            raise ValueError("rna_weight and atac_weight must be positive")
        if "scmvp" in (self.encoder, self.decoder) and self.n_hidden % HEADS:
            raise ValueError(f"n_hidden {self.n_hidden}: a multiple of the {HEADS} attention heads of scmvp")
        sizes = (
            self.n_latent,
            self.n_hidden,
            self.n_projection,
            self.n_centroids,
            self.n_epochs,
            self.min_steps,
            self.batch_size,
        )
        if min(sizes) < 1:
            raise ValueError(
                "numbers of dimensions, units, centroids, epochs, steps and cells of a batch are positive"
            )
