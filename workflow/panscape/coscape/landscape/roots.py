"""Roots of pseudotime for observed, permuted and resampled ages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panscape.coscape.landscape.settings import LOWEST_AGE, LandscapeSettings

ENOUGH = 0.5  # minimum fraction of a cluster's cells drawn for it to be the root


@dataclass(frozen=True)
class Roots:
    """Rule for choosing the root.

    Parameters
    ----------
    fixed
        Position of a fixed root; None takes the cluster of lowest mean age.
    below
        Take the first cluster with a mean age below this, if any (``root_below``).
    n_cells
        (n_clusters,): numbers of cells; the largest cluster breaks ties of age.
    usable
        bool (n_clusters,): clusters that may be the root.
    """

    fixed: int | None
    below: float | None
    n_cells: np.ndarray
    usable: np.ndarray

    @classmethod
    def of(
        cls, settings: LandscapeSettings, root: int | None, n_cells: np.ndarray, usable: np.ndarray
    ) -> Roots:
        """Return the rule defined by the settings.

        Parameters
        ----------
        settings
            `root` and `root_below` are used.
        root
            Position of the root for the observed ages; None for none.
        n_cells
            (n_clusters,).
        usable
            bool (n_clusters,): clusters that may be the root.
        """
        return cls(None if settings.root == LOWEST_AGE else root, settings.root_below, n_cells, usable)

    def choose(self, ages: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the root of each draw, int (draws,).

        Parameters
        ----------
        ages
            (draws, n_clusters), NaN where unknown.
        weights
            (draws, n_clusters): fraction of the cluster's cells that were drawn; None: all.
        """
        if self.fixed is not None:
            return np.full(len(ages), self.fixed)
        known = np.isfinite(ages)
        allowed = known & self.usable
        if weights is not None:
            drawn = allowed & (weights >= ENOUGH)
            allowed = np.where(drawn.any(axis=1, keepdims=True), drawn, allowed)
        order = np.lexsort((np.arange(len(self.n_cells)), -self.n_cells))
        root = order[np.where(allowed, ages, np.inf)[:, order].argmin(axis=1)]
        if self.below is not None:
            below = known & (np.where(known, ages, np.inf) < self.below)
            root = np.where(below.any(axis=1), below.argmax(axis=1), root)
        return root
