"""Preparation of model input: normalise, regress out, scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.normalise import normalise
from panscape.errors import fail
from panscape.settings import FromMapping, Renamed
from panscape.sivae.bins import CONSTANT, Bin
from panscape.sivae.settings import SIVAE_KEYS, SIVAE_RENAMED
from panscape.stats.singular import least_squares


@dataclass(frozen=True)
class ValueSettings(FromMapping):
    """Settings of the preparation of expression; keys of the configuration's section ``sivae``.

    Parameters
    ----------
    regress
        Columns of `obs` (labels or numbers) whose effects are regressed out of the log expression of each
        line.
    covariates
        Columns of `obs` given to the model as covariates.
    held_out
        Fraction of the cells held out.
    labels
        Column by which held-out cells are stratified, if it exists.
    likelihood
        ``"gaussian"`` or ``"nb"`` (counts).
    """

    SECTION: ClassVar[str] = "sivae"
    BESIDE: ClassVar[frozenset[str]] = SIVAE_KEYS
    RENAMED: ClassVar[Mapping[str, Renamed]] = SIVAE_RENAMED

    regress: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    held_out: float = 0.2
    labels: str | None = None
    likelihood: str = "gaussian"

    def __post_init__(self) -> None:
        object.__setattr__(self, "regress", tuple(self.regress))
        object.__setattr__(self, "covariates", tuple(self.covariates))


@dataclass(frozen=True)
class Scaling:
    """Transformation of counts to model input.

    Attributes
    ----------
    centre, spread
        (F,): mean and standard deviation of the log expression of the training cells; the latter is inf where
        a gene is constant.
    regressed
        Columns whose effects were regressed out.
    normalisation, target
        Normalisation of the counts, see :func:`panscape.data.normalise.normalise`.
    """

    centre: np.ndarray
    spread: np.ndarray
    regressed: Sequence[str] = ()
    normalisation: str = "log1p"
    target: float = 1.0

    def __call__(self, counts: sparse.csr_matrix, totals: np.ndarray) -> np.ndarray:
        """Return scaled expression, float32 (n, F), of counts in the genes and of the cells' totals."""
        expression = normalise(
            counts, np.asarray(totals, dtype=float), self.normalisation, target=self.target
        )
        return ((expression.toarray().astype(np.float64) - self.centre) / self.spread).astype(np.float32)

    def unscale(self, scaled: np.ndarray) -> np.ndarray:
        """Return log expression, float32 (n, F), of scaled expression; constant genes stay at their mean."""
        spread = np.where(np.isfinite(self.spread), self.spread, 0)
        return (scaled * spread + self.centre).astype(np.float32)


@dataclass(frozen=True)
class CellCounts:
    """Counts of a bin.

    Attributes
    ----------
    counts
        CSR, n x F.
    totals
        (n,): counts of each cell over all genes.
    strata
        int64, (n,): cells with the same labels in the columns of `regress`; numbers make no strata.
    """

    counts: sparse.csr_matrix
    totals: np.ndarray
    strata: np.ndarray

    @classmethod
    def of(
        cls, counts: sparse.csr_matrix, totals: np.ndarray, obs: pd.DataFrame, regress: Sequence[str]
    ) -> CellCounts:
        """Return the counts of cells with these totals and the annotation `obs`."""
        labels = [name for name in regress if not _numbers(obs[name])]
        strata = np.zeros(len(obs), dtype=np.int64)
        if labels:
            strata = obs.groupby(labels, sort=True, observed=True).ngroup().to_numpy(dtype=np.int64)
        return cls(counts, np.asarray(totals, dtype=float), strata)


@dataclass(frozen=True)
class Expression:
    """Prepared cells of a bin and summaries of its genes.

    Attributes
    ----------
    bin
        Model input.
    mean
        (F,): mean of the log expression over all cells of the bin.
    detection
        (F,): fraction of the cells with a count.
    cells
        Names of the cells, in the bin's order.
    scaling
        Scaling to apply to other cells, if known.
    counted
        Counts of the cells, for correlations that are corrected for the noise of counting; None where the
        input has log values.
    """

    bin: Bin
    mean: np.ndarray
    detection: np.ndarray
    cells: pd.Index
    scaling: Scaling | None = None
    counted: CellCounts | None = None

    def scaled_by(self, normalisation: str, target: float) -> Expression:
        """Return a copy with the normalisation of its log expression recorded in `scaling`."""
        assert self.scaling is not None, "of prepare_bin"
        scaling = replace(self.scaling, normalisation=normalisation, target=target)
        return replace(self, scaling=scaling)


def prepare_bin(
    line: str,
    name: str,
    log_expression: sparse.csr_matrix,
    counts: sparse.csr_matrix,
    obs: pd.DataFrame,
    settings: ValueSettings,
    seed: int,
) -> Expression:
    """Scale a bin's expression by its training cells.

    Parameters
    ----------
    line, name
        Names of the line and of the bin; the held-out cells derive from both.
    log_expression, counts
        CSR, n x F: normalised log expression, and the counts it came from.
    obs
        Annotation of the n cells.
    settings
        Settings of the preparation.
    seed
        Seed of the collection.

    Returns
    -------
    Scaled expression: mean 0 and variance 1 of every gene in the training cells. A gene that is constant
    there is 0 in all cells.
    """
    dense = np.asarray(log_expression.toarray(), dtype=np.float64)
    detection = np.asarray((counts > 0).mean(axis=0)).ravel()
    mean = dense.mean(axis=0)
    strata, test = _held_out(line, name, obs, settings, seed)
    if settings.regress:
        design = _design(obs, settings.regress, "sivae.regress", keep_all=False)
        design = np.column_stack([np.ones(len(design)), design])
        weights = least_squares(design[~test], dense[~test])
        dense = dense - design @ weights
    centre, spread = dense[~test].mean(axis=0), dense[~test].std(axis=0)
    spread = np.where(spread > CONSTANT, spread, np.inf)
    scaled = np.where(np.isfinite(spread), (dense - centre) / spread, 0)
    covariates = _covariates(obs, settings)
    seen = np.asarray(counts.toarray(), dtype=np.float32) if settings.likelihood == "nb" else None
    bin_ = Bin(line, name, scaled.astype(np.float32), test, seen, covariates, strata)
    return Expression(bin_, mean, detection, obs.index, Scaling(centre, spread, settings.regress))


def prepare_sparse(
    line: str,
    name: str,
    counts: sparse.csr_matrix,
    totals: np.ndarray,
    obs: pd.DataFrame,
    settings: ValueSettings,
    seed: int,
    normalisation: str,
    target: float,
) -> Expression:
    """Scale a bin's expression as :func:`prepare_bin` does, without a dense array of all cells.

    Parameters
    ----------
    line, name, counts, obs, settings, seed
        See :func:`prepare_bin`.
    totals, normalisation, target
        See :func:`panscape.data.normalise.normalise`.
    """
    from panscape.sivae.sparse_inputs import SparseInputs

    strata, test = _held_out(line, name, obs, settings, seed)
    inputs = SparseInputs(counts, totals, ~test, normalisation, target)
    bin_ = Bin(line, name, inputs, test, None, _covariates(obs, settings), strata)
    scaling = Scaling(inputs.centre, inputs.spread, (), normalisation, target)
    return Expression(bin_, inputs.mean, inputs.detection, obs.index, scaling)


def _held_out(
    line: str, name: str, obs: pd.DataFrame, settings: ValueSettings, seed: int
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the labels that held-out cells are balanced over, if any, and the mask of held-out cells."""
    from panscape.training.batches import held_out

    strata = obs[settings.labels].astype(str).to_numpy() if settings.labels in obs else None
    names = ("sivae", line, name)
    test = held_out(len(obs), settings.held_out, seed, *names, strata=strata)
    if settings.held_out and not test.any():
        # at least one cell, as either all or no bins of a stack have held-out cells
        test = held_out(len(obs), 1.01 / len(obs), seed, *names)
    return strata, test


def _covariates(obs: pd.DataFrame, settings: ValueSettings) -> np.ndarray | None:
    if not settings.covariates:
        return None
    return _design(obs, settings.covariates, "sivae.covariates", keep_all=True).astype(np.float32)


def _design(obs: pd.DataFrame, columns: Sequence[str], where: str, keep_all: bool) -> np.ndarray:
    """Return a design matrix: scaled numbers, one-hot labels (without the first unless `keep_all`)."""
    parts = []
    for column in columns:
        if column not in obs:
            raise fail(where, f"the cells have no {column!r}", f"map it: studies[].obs.{column}")
        values = obs[column]
        if values.isna().any():
            problem = f"{column!r} is missing for {int(values.isna().sum())} cells"
            raise fail(where, problem, "fill it in, or leave it out")
        if _numbers(values):
            numbers = values.to_numpy(dtype=float)
            spread = numbers.std()
            parts.append(((numbers - numbers.mean()) / (spread if spread > 0 else 1))[:, None])
        else:
            labels, codes = np.unique(values.astype(str), return_inverse=True)
            parts.append(np.eye(len(labels))[codes][:, 0 if keep_all else 1 :])
    return np.hstack(parts) if parts else np.zeros((len(obs), 0))


def _numbers(values: pd.Series) -> bool:
    """Return whether a column has numbers rather than labels."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
