"""Cells of drawn samples whose counts are generated block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.simulate.draw import _counts

BLOCK_VALUES = 4_000_000  # cells x genes of a block; each block has its own random stream


class SampleSettings(Protocol):
    """What the settings of a study of samples have in common."""

    @property
    def name(self) -> str:
        """Return the id of the study."""
        ...

    @property
    def spread(self) -> float:
        """Return the standard deviation of a module gene's log expression within a sample."""
        ...

    @property
    def dispersion(self) -> float:
        """Return the over-dispersion of the counts."""
        ...


class Sampled:
    """A drawn study of samples (lines, donors): cells are fixed, counts are generated on demand.

    Attributes
    ----------
    settings, seed
        Settings and seed of the study.
    genes
        Table of genes, with `gene`.
    obs
        Cells, with `depth` (expected total count).
    """

    settings: SampleSettings
    seed: int
    genes: pd.DataFrame
    obs: pd.DataFrame

    @property
    def shape(self) -> tuple[int, int]:
        """Return (cells, genes)."""
        return len(self.obs), len(self.genes)

    @property
    def var(self) -> pd.DataFrame:
        """Return an empty table indexed by gene."""
        return pd.DataFrame(index=pd.Index(self.genes["gene"], name="gene"))

    def blocks(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32 counts of these cells), block by block; a second call yields the same."""
        step = max(BLOCK_VALUES // self.shape[1], 1)
        dispersion = np.full(self.shape[1], self.settings.dispersion)
        for start in range(0, self.shape[0], step):
            rows = slice(start, min(start + step, self.shape[0]))
            rng = seeds.stream(self.seed, "simulate", self.settings.name, "counts", start)
            log = self._log_means(rows, rng)
            mean = np.exp(log)
            depth = self.obs["depth"].to_numpy()[rows]
            mean = (mean * (depth / mean.sum(axis=1))[:, None]).astype(np.float32)
            yield rows, _counts(mean, dispersion, rng)

    def _log_means(self, rows: slice, rng: np.random.Generator) -> np.ndarray:
        """Return the log expression of each cell and gene, up to the cell's depth."""
        raise NotImplementedError

    def _module(self, strength: np.ndarray, n_genes: int, rng: np.random.Generator) -> np.ndarray:
        """Return the log expression that cells add to the genes of a module, (n, n_genes).

        Mean and variance of each gene do not depend on the coupling `strength`, (n, 1).
        """
        shared = rng.standard_normal((len(strength), 1))
        independent = rng.standard_normal((len(strength), n_genes))
        return self.settings.spread * (np.sqrt(strength) * shared + np.sqrt(1.0 - strength) * independent)
