"""Settings of siVAE models and their training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from panscape.settings import FromMapping, Renamed

MODELS = ("sivae", "sivae-linear", "vae", "vae-linear")
LIKELIHOODS = ("gaussian", "nb")
METRICS = ("dot", "cosine", "euclidean")
_THREADED = 4_000_000  # fewest values of a training step that pay for a second thread


SIVAE_KEYS = frozenset(
    [
        "line",
        "within",
        "bin_cells",
        "min_cells",
        "halves",
        "equal_depth",
        "min_depth",
        "thinnings",
        "extra_steps",
        "models_per_job",
        "genes",
        "n_genes",
        "n_per_line",
        "regress",
        "covariates",
        "held_out",
        "labels",
        "model",
        "likelihood",
        "n_latent",
        "n_hidden",
        "skip_connection",
        "gamma",
        "interpretability",
        "linear_bias",
        "covariate_term",
        "kl_feature",
        "gene_prior",
        "sigma",
        "feature_input",
        "feature_dim",
        "n_steps",
        "batch_size",
        "learning_rate",
        "anneal",
        "ema",
        "decay",
        "warmup_steps",
        "clip",
        "l2",
        "l2_output",
        "l2_feature",
        "input_dropout",
        "validate_every",
        "patience",
        "min_gain",
        "network",
        "density",
        "min_norm",
        "n_neighbors",
        "attribution_cells",
        "save_weights",
        "show_lines",
        "highlight",
    ]
)
"""Keys of the configuration's section ``sivae``, which several classes of settings read."""
SIVAE_RENAMED: Mapping[str, Renamed] = {
    "latent": Renamed("n_latent"),
    "hidden": Renamed("n_hidden"),
    "shortcut": Renamed("skip_connection"),
    "steps": Renamed("n_steps"),
    "lr": Renamed("learning_rate"),
    "averaging": Renamed("ema"),
    "warmup": Renamed("warmup_steps"),
    "neighbours": Renamed("n_neighbors"),
    "weights": Renamed("save_weights"),
}
"""Keys of earlier versions and their names of today; model files of these versions have them too."""


@dataclass(frozen=True)
class SivaeSettings(FromMapping):
    """Settings of the model and its training; keys of the configuration's section ``sivae``.

    Parameters
    ----------
    model
        ``"sivae"``; ``"sivae-linear"`` (mean = z . v + b); for comparison ``"vae"`` (one free weight vector
        per gene instead of the feature-wise part) and ``"vae-linear"`` (mean = z . w + b).
    likelihood
        ``"gaussian"`` on scaled log expression or ``"nb"`` on counts.
    n_latent
        Number of dimensions K of cells and genes.
    n_hidden
        Widths of the encoders' layers, input side first; the decoders mirror them.
    skip_connection
        Add linear paths from input to mean in both encoders, and the embeddings to both decoders' last
        layers, so that the mean is z . v + b plus a non-linear part. The linear paths are initialised at
        probabilistic principal components, the rest at 0.
    gamma
        Weight of the interpretability term; 0 disables it.
    interpretability
        ``"squared"`` error (released code) or half of it (paper, eq. 13, up to a constant).
    linear_bias
        Add the genes' bias to z . v in that term (released code).
    covariate_term
        Add an effect of the covariates on each gene in that term (paper, eq. 23).
    kl_feature
        Weight of the genes' divergence: ``"elbo"``, their sum over the number of training cells (paper,
        eq. 12), or ``"mean"`` over genes (released code).
    gene_prior
        Prior of the genes' embedding: ``"standard"`` normal (published), or normal with a variance fitted per
        dimension (``"relevance"``, as in Bishop's Bayesian PCA), which removes dimensions of noise.
    sigma
        Observation noise: one standard deviation per ``"cell"`` or per ``"gene"``.
    feature_input, feature_dim
        Input of the feature-wise encoder: a gene's scores on the exact principal components of the cells
        (``"pca"``, at most `feature_dim`) or its values in `feature_dim` random cells (``"sample"``).
    n_steps
        Optimisation steps of the three parts: cells with free weights, genes on those weights, all. (0, 0, n)
        trains all from the start.
    batch_size, learning_rate, decay, warmup_steps, clip
        Cells per step, Adam's learning rate, its factor per 1000 steps, steps of the linear KL warm-up, and
        the gradient's largest norm in the second part.
    anneal
        Cosine annealing of the learning rate to 0 within each part.
    ema
        Decay of the exponential moving average of the weights in the last part, which is used for validation
        and readout; 0 uses the weights themselves.
    l2, l2_output, l2_feature
        Penalties on the kernels of the cell-wise network, its free output weights, the feature-wise network.
    input_dropout
        Dropout rate of the cell encoder's input.
    held_out
        Fraction of the cells held out.
    validate_every, patience
        Steps between validations on held-out cells, and number of validations without improvement before
        training stops (0: never; the last weights are then kept). Only the third part is validated for
        stopping.
    min_gain
        A model whose held-out error is not lower than the null's by this fraction is flagged as collapsed.

    Examples
    --------
    >>> SivaeSettings.of({"n_latent": 8}).n_latent
    8
    """

    SECTION: ClassVar[str] = "sivae"
    BESIDE: ClassVar[frozenset[str]] = SIVAE_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = SIVAE_RENAMED

    model: str = "sivae"
    likelihood: str = "gaussian"
    n_latent: int = 16
    n_hidden: tuple[int, ...] = (128, 64)
    skip_connection: bool = True
    gamma: float = 0.05
    interpretability: str = "squared"
    linear_bias: bool = True
    covariate_term: bool = True
    kl_feature: str = "elbo"
    gene_prior: str = "standard"
    sigma: str = "cell"
    feature_input: str = "pca"
    feature_dim: int = 256
    n_steps: tuple[int, int, int] = (0, 0, 300)
    batch_size: int = 512
    learning_rate: float = 2e-3
    decay: float = 0.9
    anneal: bool = True
    ema: float = 0.98
    warmup_steps: int = 0
    clip: float = 5.0
    l2: float = 1e-2
    l2_output: float = 1e-4
    l2_feature: float = 1e-5
    input_dropout: float = 0.7
    held_out: float = 0.2
    validate_every: int = 20
    patience: int = 8
    min_gain: float = 0.05

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_hidden", tuple(int(width) for width in self.n_hidden))
        object.__setattr__(self, "n_steps", tuple(int(count) for count in self.n_steps))
        known = {
            "model": MODELS,
            "likelihood": LIKELIHOODS,
            "interpretability": ("squared", "half-squared"),
            "kl_feature": ("elbo", "mean"),
            "gene_prior": ("standard", "relevance"),
            "sigma": ("cell", "gene"),
            "feature_input": ("pca", "sample"),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {values}")
        if len(self.n_steps) != 3 or min(self.n_steps) < 0 or self.n_steps[2] < 1:
            raise ValueError(f"n_steps is {self.n_steps}, not three numbers, the last at least 1")
        if not self.n_hidden or min(self.n_hidden) < 1 or self.n_latent < 1:
            raise ValueError(f"widths {self.n_hidden} and {self.n_latent} dimensions are not all at least 1")

    def shortened(self, fraction: float) -> SivaeSettings:
        """Return the settings with a fraction of the steps of each part, at least one in the last.

        Parameters
        ----------
        fraction
            Above 0, at most 1.

        Examples
        --------
        >>> SivaeSettings(n_steps=(0, 3, 300)).shortened(0.5).n_steps
        (0, 2, 150)
        """
        first, second, last = (round(count * fraction) for count in self.n_steps)
        return replace(self, n_steps=(first, second, max(last, 1)))

    @property
    def gene_wise(self) -> bool:
        """Whether genes are encoded (siVAE) or have free weights (VAE)."""
        return self.model.startswith("sivae")

    @property
    def linear(self) -> bool:
        """Whether the mean is linear in the cells' embedding."""
        return self.model.endswith("linear")

    @property
    def pretrained(self) -> bool:
        """Whether the first two training parts are run; never with skip connections."""
        return (
            self.gene_wise
            and not self.linear
            and not self.skip_connection
            and self.n_steps[0] > 0
            and self.n_steps[1] > 0
        )


def useful_threads(values: int, most: int) -> int:
    """Return how many threads a training step should use: one where a second would mostly wait.

    Threads wait for each other after each of a step's many operations, and wait actively: where a core has
    other work, a small step takes 20 times as long as with one thread.

    Parameters
    ----------
    values
        Expression values that a step reads, of all models together.
    most
        Threads of the job.

    Examples
    --------
    >>> useful_threads(16 * 224 * 150, 2), useful_threads(16 * 512 * 2000, 2)
    (1, 2)
    """
    return most if values >= _THREADED else 1
