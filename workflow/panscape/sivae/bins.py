"""Cells of one model, and the input of the gene-wise encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from panscape import seeds
from panscape.sivae.inputs import DenseInputs, Inputs
from panscape.sivae.settings import SivaeSettings

if TYPE_CHECKING:
    from panscape.sivae.sparse_inputs import SparseInputs

CONSTANT = 1e-6  # genes with a smaller standard deviation in the training cells are set to 0


@dataclass(frozen=True)
class Bin:
    """Cells that a model is trained and tested on.

    Parameters
    ----------
    line, name
        Names of the line and of the bin; random numbers derive from both.
    inputs
        float32, (n, F): scaled log expression, input of the encoders (and target of the Gaussian model); a
        dense array, or counts that stay sparse.
    test
        bool, (n,): held-out cells.
    observed
        float32, (n, F): counts, for the negative binomial; None takes `inputs`.
    covariates
        float32, (n, D); None for none.
    labels
        (n,): groups for balancing the cells drawn as input of the gene-wise encoder; None for none.
    """

    line: str
    name: str
    inputs: np.ndarray | SparseInputs
    test: np.ndarray
    observed: np.ndarray | None = None
    covariates: np.ndarray | None = None
    labels: np.ndarray | None = None

    @property
    def values(self) -> np.ndarray | SparseInputs:
        """Target of the likelihood, (n, F)."""
        return self.inputs if self.observed is None else self.observed

    @property
    def scaled(self) -> Inputs:
        """The inputs by what models ask of them, whichever form they have."""
        inputs = self.inputs
        return DenseInputs(inputs, ~self.test) if isinstance(inputs, np.ndarray) else inputs

    @property
    def known(self) -> np.ndarray:
        """The covariates, (n, D), D = 0 without any."""
        return np.zeros((len(self.test), 0), np.float32) if self.covariates is None else self.covariates


def gene_features(bin_: Bin, settings: SivaeSettings, seed: int) -> np.ndarray:
    """Return the input of the gene-wise encoder, (F, at most `feature_dim`), mean square 1.

    With ``"pca"`` these are the genes' scores on the principal axes of the training cells. All inner products
    between genes are preserved if `feature_dim` is at least the rank. Of cells held as sparse counts the axes
    come from subspace iteration. Scores are scaled by one constant to unit mean square, as the weight
    initialisation assumes.

    Parameters
    ----------
    bin_
        The cells; only training cells are used.
    settings
        `feature_input` and `feature_dim`.
    seed
        Seed of the collection, for drawn cells.
    """
    if settings.feature_input == "sample":
        drawn = np.flatnonzero(~bin_.test)[_drawn(bin_, settings.feature_dim, seed)]
        return _of_unit_size(bin_.inputs[drawn].astype(np.float64).T)
    return _of_unit_size(bin_.scaled.gene_scores(settings.feature_dim))


def _of_unit_size(features: np.ndarray) -> np.ndarray:
    return (features / np.sqrt(max(np.square(features).mean(), 1e-12))).astype(np.float32)


def _drawn(bin_: Bin, count: int, seed: int) -> np.ndarray:
    """Draw training cells, balanced over labels as far as possible."""
    random = seeds.stream(seed, "sivae", "features", bin_.line, bin_.name)
    n = int((~bin_.test).sum())
    labels = np.zeros(n, int)
    if bin_.labels is not None:
        labels = np.unique(bin_.labels[~bin_.test], return_inverse=True)[1]
    order = random.permutation(n)
    # the first of each label, then the second of each, ...
    turn = np.empty(n, int)
    for label in range(labels.max(initial=0) + 1):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    return order[np.argsort(turn[order], kind="stable")][:count]
