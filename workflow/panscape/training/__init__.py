"""What siVAE, COEM and UniCoord share: training loop, checkpoints, seeds, batches, device, likelihoods."""

from panscape.training._batches import batches, dense_rows, held_out, permutation
from panscape.training._best import Best
from panscape.training._checkpoint import Checkpoint
from panscape.training._device import choose_device, prepare
from panscape.training._distributions import (
    bernoulli,
    negative_binomial,
    normal_kl,
    poisson,
    zero_inflated_negative_binomial,
    zero_inflated_poisson,
)
from panscape.training._layers import mlp
from panscape.training._loop import Plan, Task, fit
from panscape.training._optimiser import AdamW
from panscape.training._state import (
    digest,
    generator,
    load_optimiser_state,
    optimiser_state,
    with_prefix,
    without_prefix,
)
from panscape.training._weights import read_weights, write_weights

__all__ = [
    "AdamW",
    "Best",
    "Checkpoint",
    "Plan",
    "Task",
    "batches",
    "bernoulli",
    "choose_device",
    "dense_rows",
    "digest",
    "fit",
    "generator",
    "held_out",
    "load_optimiser_state",
    "mlp",
    "negative_binomial",
    "normal_kl",
    "optimiser_state",
    "permutation",
    "poisson",
    "prepare",
    "read_weights",
    "with_prefix",
    "without_prefix",
    "write_weights",
    "zero_inflated_negative_binomial",
    "zero_inflated_poisson",
]
