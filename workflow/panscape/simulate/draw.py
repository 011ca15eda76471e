"""Drawing of the cells of a study: annotation, expression and counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.simulate.design import STEM_END, System, age_basis, coupling
from panscape.simulate.settings import StudySettings

# Cells times genes of a block. Each block has its own random stream, so results depend on it.
BLOCK_VALUES = 4_000_000
ASYNCHRONY = 0.06  # sd of the differentiation of cells of one age, as a fraction of the age span
MITO_SPREAD = 0.4
DEBRIS_DEPTH, DYING_MITO = 0.08, 20.0
MOVE = 0.8  # rise of the log mean of a moving module's genes at full coupling
INVERT_BELOW = 8.0  # mean count below which inverting the distribution is faster than drawing


@dataclass(frozen=True)
class Study:
    """A drawn study: cells are fixed, counts are generated block by block on demand.

    Attributes
    ----------
    system, settings
        The system, and the settings of the study.
    obs
        Cells: age (sampling time), cell_type, lineage, sample, platform, true_age, quality (good, debris,
        dying), depth (expected total count).
    """

    system: System
    settings: StudySettings
    obs: pd.DataFrame
    _types: np.ndarray = field(repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (cells, measured genes)."""
        return len(self.obs), int(self.measured.sum())

    @property
    def measured(self) -> np.ndarray:
        """Return bool (n_genes,): genes of the system that the study measures."""
        return self.system.measured[self.settings.name].to_numpy()

    @property
    def var(self) -> pd.DataFrame:
        """Return an empty table indexed by measured gene."""
        return pd.DataFrame(index=pd.Index(self.system.genes["gene"][self.measured], name="gene"))

    def blocks(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield (rows, CSR float32 counts of these cells); a second call yields the same."""
        for at, rows in enumerate(self._rows()):
            rng = seeds.stream(self.system.seed, "simulate", self.settings.name, "counts", at)
            kept, dispersion = self.measured, self.system.genes["dispersion"].to_numpy()
            yield rows, _counts(self._means(rows, at, rng)[:, kept], dispersion[kept], rng)

    def activity(self) -> np.ndarray:
        """Return the modules' activities (float32, cells x modules), standard normal in every cell.

        They affect the counts to the degree that the module is coupled at the cell's age and lineage.
        """
        return np.concatenate([self._activity(rows, at) for at, rows in enumerate(self._rows())])

    def _rows(self) -> Iterator[slice]:
        step = max(BLOCK_VALUES // len(self.system.genes), 1)
        for start in range(0, len(self.obs), step):
            yield slice(start, min(start + step, len(self.obs)))

    def _activity(self, rows: slice, at: int) -> np.ndarray:
        rng = seeds.stream(self.system.seed, "simulate", self.settings.name, "activity", at)
        return rng.standard_normal((rows.stop - rows.start, len(self.system.modules)), dtype=np.float32)

    def _means(self, rows: slice, at: int, rng: np.random.Generator) -> np.ndarray:
        """Return expected counts of each cell and gene (float32)."""
        system, obs = self.system, self.obs.iloc[rows]
        age, lineage = obs["true_age"].to_numpy(), obs["lineage"].to_numpy()
        log = age_basis(system, age).astype(np.float32) @ system.age_effects
        log += system.type_effects[self._types[rows]]
        log += (system.genes["base"].to_numpy() + system.shifts[self.settings.name].to_numpy()).astype(
            np.float32
        )
        if self.settings.sample_shift:
            log += self._sample_effects()[obs["sample"].cat.codes.to_numpy()]
        _add_modules(log, system, coupling(system, age, lineage), self._activity(rows, at), rng)
        _add_mito(log, system, obs["quality"].to_numpy(), rng)
        np.exp(log, out=log)
        log *= (obs["depth"].to_numpy() / log.sum(axis=1, dtype=np.float64)).astype(np.float32)[:, None]
        return log

    def _sample_effects(self) -> np.ndarray:
        """Return the gene-wise log effects of each sample (float32, samples x genes)."""
        rng = seeds.stream(self.system.seed, "simulate", "study", self.settings.name, "samples")
        size = (len(self.obs["sample"].cat.categories), len(self.system.genes))
        return rng.normal(0.0, self.settings.sample_shift, size).astype(np.float32)


def study(system: System, name: str) -> Study:
    """Draw the cells of one study; their counts come from :meth:`Study.blocks`.

    Raises
    ------
    KeyError
        If the system has no study of that name.
    """
    matches = [item for item in system.settings.studies if item.name == name]
    if not matches:
        raise KeyError(
            f"no simulated study {name!r}; there are {[item.name for item in system.settings.studies]}"
        )
    settings = matches[0]
    rng = seeds.stream(system.seed, "simulate", name, "cells")
    sampled, true = _ages(system, settings, rng)
    types = _draw_types(system, system.relative(true), rng)
    depth = settings.depth * np.exp(rng.normal(0.0, settings.depth_spread, settings.cells))
    quality = rng.choice(
        3, size=settings.cells, p=[1 - system.settings.low_quality, *[system.settings.low_quality / 2] * 2]
    )
    depth[quality == 1] *= DEBRIS_DEPTH
    times = np.unique(sampled) if settings.timepoints else np.array([])
    width = len(str(settings.cells))
    obs = pd.DataFrame(
        {
            "age": sampled,
            "cell_type": pd.Categorical.from_codes(types, system.types["cell_type"].tolist()),
            "lineage": pd.Categorical(system.types["lineage"].to_numpy()[types]),
            "platform": pd.Categorical(np.repeat(settings.platform, settings.cells)),
            "sample": pd.Categorical.from_codes(
                np.searchsorted(times, sampled) if len(times) else np.zeros(settings.cells, dtype=int),
                [f"{name}-{at + 1}" for at in range(max(len(times), 1))],
            ),
            "true_age": true,
            "quality": pd.Categorical.from_codes(quality, ["good", "debris", "dying"]),
            "depth": depth,
        },
        index=pd.Index([f"{name}-{at + 1:0{width}d}" for at in range(settings.cells)], name="cell"),
    )
    return Study(system, settings, obs, types)


def _ages(system: System, settings: StudySettings, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return (sampling time, true age) of each cell; both are even on the system's scale of age."""
    log = system.settings.age_scale == "log"
    (low, high), (first, last) = (
        np.log(ends) if log else ends for ends in (settings.ages, system.settings.span)
    )
    if settings.timepoints:
        times = np.linspace(low, high, settings.timepoints)
        sampled = times[rng.integers(len(times), size=settings.cells)]
        jitter = rng.normal(0.0, system.settings.jitter * (last - first), settings.cells)
        true = np.clip(sampled + jitter, first, last)
    else:
        sampled = true = rng.uniform(low, high, settings.cells)
    return (np.exp(sampled), np.exp(true)) if log else (sampled, true)


def _draw_types(system: System, u: np.ndarray, rng) -> np.ndarray:
    """Return each cell's type: its stage by differentiation, its lineage by the study's composition."""
    settings = system.settings
    if settings.type_order == "concurrent":
        return rng.choice(len(system.types), size=len(u), p=rng.dirichlet(np.full(len(system.types), 8.0)))
    lineage = rng.choice(settings.lineages, size=len(u), p=rng.dirichlet(np.full(settings.lineages, 8.0)))
    progress = u + rng.normal(0.0, ASYNCHRONY, len(u))
    stage = np.floor((progress - STEM_END) / (1.0 - STEM_END) * settings.stages).astype(int)
    code = 1 + lineage * settings.stages + np.minimum(stage, settings.stages - 1)
    return np.where(stage < 0, 0, code)


def _add_modules(log, system: System, strength: np.ndarray, activity: np.ndarray, rng) -> None:
    """Add the module genes' variation in place.

    A gene's log expression is ``spread * (sqrt(c) * activity + sqrt(1 - c) * noise)``: c is the correlation
    of two genes of the module; mean and variance of each do not depend on it.
    """
    table = system.genes
    columns = np.flatnonzero(table["role"] == "module")
    module = pd.Index(system.modules["module"]).get_indexer(table["module"].iloc[columns])
    spread = table["spread"].to_numpy()[columns].astype(np.float32)
    shared = np.sqrt(strength).astype(np.float32) * activity
    independent = np.sqrt(1.0 - strength).astype(np.float32)
    noise = rng.standard_normal((len(log), len(columns)), dtype=np.float32)
    part = (shared[:, module] + independent[:, module] * noise) * spread
    part += (MOVE * strength * system.modules["moves"].to_numpy()).astype(np.float32)[:, module]
    log[:, columns] += part


def _add_mito(log, system: System, quality: np.ndarray, rng) -> None:
    columns = np.flatnonzero(system.genes["role"] == "mito")
    level = rng.normal(0.0, MITO_SPREAD, len(log)) + np.where(quality == "dying", np.log(DYING_MITO), 0.0)
    log[:, columns] += level.astype(np.float32)[:, None]


def _counts(mean: np.ndarray, dispersion: np.ndarray, rng) -> sparse.csr_matrix:
    """Draw gamma-Poisson counts with the given means (cells x genes) and dispersions per gene.

    Most counts are 0, so zeros are drawn first, and only the other counts are drawn in full.
    """
    size = (1.0 / dispersion).astype(np.float32)  # (n_genes,): the gamma's shape
    zero = _zero_share(mean, dispersion, size)
    u = rng.random(mean.shape, dtype=np.float32)
    large = mean >= INVERT_BELOW
    rows, columns = np.nonzero((u > zero) | large)
    mu = mean[rows, columns].astype(np.float64)
    value = np.empty(len(rows), dtype=np.float32)
    big = large[rows, columns]
    r = size.astype(np.float64)[columns]
    value[big] = rng.poisson(rng.gamma(r[big]) * mu[big] / r[big])
    small = ~big
    value[small] = _invert(
        u[rows, columns][small].astype(np.float64),
        zero[rows, columns][small].astype(np.float64),
        mu[small],
        r[small],
    )
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(mean)))])
    block = sparse.csr_matrix((value, columns.astype(np.int32), indptr), shape=mean.shape)
    block.eliminate_zeros()
    return block


def _zero_share(mean: np.ndarray, dispersion: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the probability of a count of 0, float32."""
    share = mean * dispersion.astype(np.float32)
    share += 1.0
    np.log(share, out=share)
    share *= -size
    return np.exp(share, out=share)


def _invert(u: np.ndarray, zero: np.ndarray, mean: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the smallest counts k with P(X <= k) >= u of negative binomials, given P(X = 0) < u."""
    ratio = mean / (mean + size)
    mass, total = zero.copy(), zero.copy()
    count = np.zeros(len(u), dtype=np.float32)
    left = np.arange(len(u))
    k = 0
    while len(left) and k < 1000:
        mass[left] *= ratio[left] * (k + size[left]) / (k + 1)
        total[left] += mass[left]
        k += 1
        count[left] = k
        left = left[total[left] < u[left]]
    return count
