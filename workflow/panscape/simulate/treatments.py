"""Simulated types under treatments, in batches: interactions, confounding, rare and unknown types.

Every gene's log expression is the sum of a base, the effect of the cell's type, of its state within the type,
of the treatment and of the batch. The effect of a treatment on a type has three parts: one that all types
share, one that follows the type's programs (so that it can be predicted from other types), and one of the
type's own (which cannot). Batches can be confounded with types.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.errors import Problem, UserError
from panscape.simulate.sampled import Sampled

BASE = (0.0, 1.4)  # mean and sd over genes of the base log expression
DEPTH_SPREAD = 0.25  # sd of the logarithm of the depth over cells
STATE_GENES = 0.1  # fraction of genes that vary along each state within the types


@dataclass(frozen=True)
class TreatmentsSettings:
    """A study of types under treatments.

    Parameters
    ----------
    name
        Id of the study; with the seed it determines the draws.
    cells, n_genes
        All cells and genes.
    types, rare, unknown
        Number of known types; how many of these are rare; number of additional types that only cells of the
        last batch have.
    rare_fraction
        Fraction of all cells in each rare type.
    unknown_fraction
        Fraction of the last batch's cells in each unknown type.
    programs
        Number of programs whose activities make a type, in part; similar types respond alike.
    type_effect
        Standard deviation of the types' effects, over the genes that differ (a fifth).
    states, state_effect
        Number of continuous states within types, and the standard deviation of the effect of each over the
        genes that follow it (a tenth).
    treatments
        Names; the first is the reference. Cells are spread over them evenly.
    response, response_genes
        Standard deviation of the effects of a treatment over the genes that respond, and their fraction.
    interaction
        Fraction of the variance of a treatment's effects that differs between types, 0 to 1.
    predictable
        Fraction of this variance that follows the types' programs, 0 to 1; the rest is each type's own.
    batches, batch_effect
        Number of batches, and the standard deviation of their gene-wise effects.
    batch_interaction
        Fraction of the variance of the batches' effects that differs between types, 0 to 1.
    confounding
        0: all batches have the same fractions of types; 1: every type is in one batch only.
    depth
        Median number of counts of a cell; that of batch k is 1.5^k times as high, centred.
    dispersion
        Over-dispersion of the counts: variance = mean + dispersion x mean squared.

    Examples
    --------
    >>> TreatmentsSettings(types=5, rare=1).treatments
    ('control', 'treated')
    """

    name: str = "treatments"
    cells: int = 4000
    n_genes: int = 1000
    types: int = 8
    rare: int = 0
    unknown: int = 0
    rare_fraction: float = 0.01
    unknown_fraction: float = 0.05
    programs: int = 4
    type_effect: float = 1.2
    states: int = 2
    state_effect: float = 0.3
    treatments: tuple[str, ...] = ("control", "treated")
    response: float = 0.8
    response_genes: float = 0.15
    interaction: float = 0.4
    predictable: float = 0.7
    batches: int = 2
    batch_effect: float = 0.3
    batch_interaction: float = 0.2
    confounding: float = 0.0
    depth: float = 3000.0
    dispersion: float = 0.1
    spread: float = field(default=0.0, init=False, repr=False)  # there are no modules

    def __post_init__(self) -> None:
        object.__setattr__(self, "treatments", tuple(self.treatments))
        problems = list(_problems(self))
        if problems:
            raise UserError(problems)


def _problems(settings: TreatmentsSettings):
    for name in ("interaction", "predictable", "batch_interaction", "confounding"):
        if not 0 <= (value := getattr(settings, name)) <= 1:
            yield Problem(name, f"{value}", "write a number from 0 to 1")
    for name, low in (("types", 2), ("treatments", 1), ("batches", 1), ("programs", 1), ("cells", 1)):
        value = getattr(settings, name)
        count = value if isinstance(value, int) else len(value)
        if count < low:
            yield Problem(name, f"{count}", f"give at least {low}")
    if not 0 <= settings.rare < settings.types:
        yield Problem(
            "rare", f"{settings.rare} of {settings.types} types", "write fewer than there are types"
        )
    for name, count in (("rare_fraction", settings.rare), ("unknown_fraction", settings.unknown)):
        if not (value := getattr(settings, name)) > 0 or value * count >= 1:
            yield Problem(name, f"{value} for {count} types", "write a fraction that leaves other cells")


@dataclass(frozen=True)
class TreatmentsStudy(Sampled):
    """A drawn study: cells are fixed, counts are generated block by block.

    Attributes
    ----------
    settings, seed
        Settings and seed of the study.
    genes
        Table: gene, base (log rate).
    obs
        Cells: cell_type, treatment, batch, known (whether the type is a known one), depth.
    types
        Names of the types, unknown ones last.
    effects
        (treatments, types, genes): change of log expression by each treatment.
    own
        The part of `effects` that is each type's own, which no other type tells.
    activity
        (types, programs): activities of the programs, which the rest of the interaction follows.
    """

    settings: TreatmentsSettings
    seed: int
    genes: pd.DataFrame
    obs: pd.DataFrame
    types: tuple[str, ...]
    effects: np.ndarray = field(repr=False)
    own: np.ndarray = field(repr=False)
    activity: np.ndarray = field(repr=False)
    _of_type: np.ndarray = field(repr=False)  # (types, genes)
    _of_batch: np.ndarray = field(repr=False)  # (batches, types, genes)
    _loadings: np.ndarray = field(repr=False)  # (states, genes)

    def _log_means(self, rows: slice, rng: np.random.Generator) -> np.ndarray:
        obs = self.obs.iloc[rows]
        kind = pd.Index(self.types).get_indexer(obs["cell_type"].astype(str))
        given = pd.Index(self.settings.treatments).get_indexer(obs["treatment"].astype(str))
        batch = obs["batch"].cat.codes.to_numpy()
        state = rng.standard_normal((len(obs), self.settings.states))
        log = self.genes["base"].to_numpy() + self._of_type[kind] + state @ self._loadings
        return log + self.effects[given, kind] + self._of_batch[batch, kind]


def treatments_study(settings: TreatmentsSettings, seed: int) -> TreatmentsStudy:
    """Draw a study of types under treatments with its planted effects.

    Examples
    --------
    >>> study = treatments_study(TreatmentsSettings(cells=200, n_genes=100, types=3, unknown=1), seed=1)
    >>> study.shape, study.effects.shape, sorted(study.obs["cell_type"].unique())
    ((200, 100), (2, 4, 100), ['T1', 'T2', 'T3', 'unknown-1'])
    """
    stream = lambda *names: seeds.stream(seed, "simulate", settings.name, *names)  # noqa: E731
    genes = settings.n_genes
    table = pd.DataFrame(
        {
            "gene": [f"G{at + 1:0{len(str(genes))}d}" for at in range(genes)],
            "base": stream("genes").normal(*BASE, genes),
        }
    )
    width = len(str(settings.types))
    names = [f"T{at + 1:0{width}d}" for at in range(settings.types)]
    names += [f"unknown-{at + 1}" for at in range(settings.unknown)]
    rng = stream("types")
    activity = rng.standard_normal((len(names), settings.programs))
    marked = rng.random(genes) < 0.2
    of_program = rng.standard_normal((settings.programs, genes)) / np.sqrt(settings.programs)
    own = rng.standard_normal((len(names), genes))
    of_type = settings.type_effect * np.sqrt(0.5) * (activity @ of_program + own) * marked
    effects, own_effects = _responses(settings, activity, stream("treatments"))
    rng = stream("batches")
    size = (settings.batches, len(names), genes)
    common = rng.standard_normal((settings.batches, 1, genes)) * np.sqrt(1 - settings.batch_interaction)
    of_batch = settings.batch_effect * (
        common + np.sqrt(settings.batch_interaction) * rng.standard_normal(size)
    )
    rng = stream("states")
    loadings = rng.normal(0.0, settings.state_effect, (settings.states, genes))
    loadings *= rng.random(loadings.shape) < STATE_GENES
    obs = _cells(settings, names, stream("cells"))
    planted = (effects, own_effects, activity)
    return TreatmentsStudy(settings, seed, table, obs, tuple(names), *planted, of_type, of_batch, loadings)


def _responses(
    settings: TreatmentsSettings, activity: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the effects of treatments on types, and their own part (treatments, types, genes).

    Those of the first treatment are 0.
    """
    kinds, programs = activity.shape
    effects = np.zeros((len(settings.treatments), kinds, settings.n_genes))
    owns = np.zeros_like(effects)
    part = settings.interaction * settings.predictable
    shares = np.sqrt([1 - settings.interaction, part / programs, settings.interaction - part])
    for at in range(1, len(settings.treatments)):
        responds = rng.random(settings.n_genes) < settings.response_genes
        shared = rng.standard_normal(settings.n_genes)
        follows = activity @ rng.standard_normal((programs, settings.n_genes))
        own = rng.standard_normal((kinds, settings.n_genes))
        effects[at] = shares[0] * shared + shares[1] * follows + shares[2] * own
        effects[at] *= settings.response * responds
        owns[at] = shares[2] * own * settings.response * responds
    return effects, owns


def _fractions(settings: TreatmentsSettings, names: list[str], rng: np.random.Generator) -> np.ndarray:
    """Return the fractions of types in each batch (batches, types)."""
    common = settings.types - settings.rare
    usual = np.full(settings.types, settings.rare_fraction)
    usual[:common] = (1 - settings.rare * settings.rare_fraction) * rng.dirichlet(np.full(common, 8.0))
    home = np.resize(rng.permutation(settings.batches), settings.types)
    alone = usual * settings.batches * (home == np.arange(settings.batches)[:, None])
    fractions = (1 - settings.confounding) * usual + settings.confounding * alone
    fractions /= fractions.sum(axis=1, keepdims=True)
    new = np.zeros((settings.batches, settings.unknown))
    new[-1] = settings.unknown_fraction
    return np.hstack([fractions * (1 - new.sum(axis=1, keepdims=True)), new])


def _cells(settings: TreatmentsSettings, names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    fractions = _fractions(settings, names, rng)
    batch = rng.permutation(np.arange(settings.cells) % settings.batches)
    kind = np.empty(settings.cells, dtype=np.int64)
    for at in range(settings.batches):
        inside = np.flatnonzero(batch == at)
        kind[inside] = rng.choice(len(names), len(inside), p=fractions[at])
    given = rng.integers(len(settings.treatments), size=settings.cells)
    depth = settings.depth * 1.5 ** (batch - (settings.batches - 1) / 2)
    depth = depth * np.exp(rng.normal(0.0, DEPTH_SPREAD, settings.cells))
    width = len(str(settings.cells))
    index = pd.Index([f"cell{at + 1:0{width}d}" for at in range(settings.cells)], name="cell")
    return pd.DataFrame(
        {
            "cell_type": pd.Categorical.from_codes(kind, names),
            "treatment": pd.Categorical.from_codes(given, list(settings.treatments)),
            "batch": pd.Categorical.from_codes(batch, [f"B{at + 1}" for at in range(settings.batches)]),
            "known": kind < settings.types,
            "depth": depth,
        },
        index=index,
    )
