"""Simulated samples of donors with traits, conditions and covariates, and genes whose networks follow one.

Donors are sampled under one or more conditions, once or several times. The planted genes of role ``connects``
form modules whose coupling falls with the driver (a trait of the donors, or the condition) while mean and
variance of each gene stay; those of role ``moves`` change their mean only; ``ages`` loses its coupling with
age; ``stays`` and ``plain`` do not follow anything. Depth, composition and age can be confounded with the
driver. Couplings and means also vary between donors at random, so that samples of a donor are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.errors import Problem, UserError
from panscape.simulate.lines import MODULE_BASE, OTHER_BASE
from panscape.simulate.sampled import Sampled

MODULE_GENES = 10  # genes of a module
MARKERS = 0.1  # fraction of the plain genes that differ between the two cell types
MARKER_SHIFT = 1.0  # sd of their difference in log mean
ROLES = ("connects", "moves", "ages", "stays")
DRIVERS = ("trait", "condition")


@dataclass(frozen=True)
class DonorsSettings:
    """A study of donors.

    Parameters
    ----------
    name
        Id of the study; with the seed it determines the draws.
    donors, conditions, samples, cells
        Number of donors; conditions under which each is sampled (the first is the reference); samples of
        each donor and condition; cells of each sample.
    n_genes
        All genes.
    connects, moves, ages, stays
        Genes of each role, in modules of ten; the others are ``plain``.
    follows
        What the genes of the roles ``connects`` and ``moves`` follow: the donors' ``trait`` or the
        ``condition``.
    coupling
        Correlation of two genes' log expression in a module.
    loss
        Fraction of the coupling that is lost where the driver is 1 (where age is highest, for ``ages``).
    move
        Change of the log mean of the genes of role ``moves``, up or down.
    spread
        Standard deviation of a module gene's log expression within a sample.
    donor_coupling, donor_mean, sample_coupling
        Standard deviations of a module's coupling over donors, of a gene's log mean over donors, and of a
        module's coupling over samples of a donor, all independent of the driver.
    depth, depth_spread, depth_rho
        Median number of counts of a cell; standard deviation of its logarithm over samples; correlation of
        the log depth of samples with the driver.
    composition, composition_rho
        Fraction of cells of the second type in a typical sample; correlation of that of samples with the
        driver. Genes of types are correlated in mixtures, most where both types are equally frequent.
    age_rho
        Correlation of the donors' age with the driver.
    batches, batch_mean
        Number of batches; standard deviation of a gene's log mean over them.
    sex_mean
        Difference in log mean between the sexes, of every tenth plain gene.
    dispersion
        Over-dispersion of the counts: variance = mean + dispersion x mean squared.
    """

    name: str = "donors"
    donors: int = 16
    conditions: tuple[str, ...] = ("untreated",)
    samples: int = 1
    cells: int = 250
    n_genes: int = 600
    connects: int = 40
    moves: int = 40
    ages: int = 0
    stays: int = 60
    follows: str = "trait"
    coupling: float = 0.8
    loss: float = 0.9
    move: float = 1.5
    spread: float = 0.9
    donor_coupling: float = 0.03
    donor_mean: float = 0.15
    sample_coupling: float = 0.02
    depth: float = 2500.0
    depth_spread: float = 0.5
    depth_rho: float = 0.0
    composition: float = 0.5
    composition_rho: float = 0.0
    age_rho: float = 0.0
    batches: int = 1
    batch_mean: float = 0.2
    sex_mean: float = 0.0
    dispersion: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", tuple(self.conditions))
        problems = []
        for role in ROLES:
            if (count := getattr(self, role)) % MODULE_GENES or count < 0:
                problems.append(Problem(role, f"{count} genes", f"write a multiple of {MODULE_GENES}"))
        taken = sum(getattr(self, role) for role in ROLES)
        if taken > self.n_genes:
            problem = f"{self.n_genes} genes are fewer than the {taken} of the modules"
            problems.append(Problem("n_genes", problem, f"raise it to {taken} or more"))
        if self.follows not in DRIVERS:
            problems.append(Problem("follows", repr(self.follows), "write trait or condition"))
        elif self.follows == "condition" and len(self.conditions) < 2:
            problems.append(Problem("conditions", "one condition", "name two or more"))
        for name in ("depth_rho", "composition_rho", "age_rho"):
            if not -1 <= getattr(self, name) <= 1:
                problems.append(Problem(name, f"{getattr(self, name)}", "write a correlation, -1 to 1"))
        if not 0 < self.composition < 1:
            problems.append(Problem("composition", f"{self.composition}", "write a fraction, 0 to 1"))
        if self.donors < 4:
            problems.append(Problem("donors", f"{self.donors}", "write at least 4"))
        if problems:
            raise UserError(problems)


@dataclass(frozen=True)
class DonorsStudy(Sampled):
    """A drawn study of donors: cells are fixed, counts are generated block by block.

    Attributes
    ----------
    settings, seed
        Settings and seed of the study.
    genes
        Table: gene, module (empty outside), role, base (log rate).
    samples
        Table: line (the sample's name), donor, condition, trait (0 to 1), group (case above one half),
        outcome (the driver, 0 to 1), age (years), sex, batch, composition (fraction of the second type),
        depth.
    obs
        Cells: the columns of `samples` but composition, with cell_type.
    """

    settings: DonorsSettings
    seed: int
    genes: pd.DataFrame
    samples: pd.DataFrame
    obs: pd.DataFrame
    _shifts: np.ndarray = field(repr=False)  # (samples, genes): effects on log expression
    _coupling: np.ndarray = field(repr=False)  # (samples, modules)
    _markers: np.ndarray = field(repr=False)  # (genes,): log mean of the second type minus the first

    @property
    def edges(self) -> pd.DataFrame:
        """Return the planted edges that are lost with the driver: gene_a, gene_b, module."""
        planted = self.genes[self.genes["role"] == "connects"]
        rows = [
            (one, other, module)
            for module, part in planted.groupby("module", sort=False)
            for one, other in combinations(part["gene"], 2)
        ]
        return pd.DataFrame(rows, columns=["gene_a", "gene_b", "module"])

    def _log_means(self, rows: slice, rng: np.random.Generator) -> np.ndarray:
        obs, genes = self.obs.iloc[rows], self.genes
        at = pd.Index(self.samples["line"]).get_indexer(obs["line"].astype(str))
        second = (obs["cell_type"].astype(str) == "B").to_numpy(float)
        log = genes["base"].to_numpy() + self._shifts[at] + second[:, None] * self._markers
        for place, columns in enumerate(_members(genes)):
            log[:, columns] += self._module(self._coupling[at, place][:, None], len(columns), rng)
        return log


def donors_study(settings: DonorsSettings, seed: int) -> DonorsStudy:
    """Draw a study of donors with its planted genes.

    Traits take evenly spaced values from 0 to 1 and sexes alternate, in random order; confounded variables
    have exactly the correlation asked for with the driver (Pearson's, over donors for age, over samples for
    log depth and the logit of the composition).

    Examples
    --------
    >>> settings = DonorsSettings(donors=4, conditions=("no", "yes"), cells=20, n_genes=200)
    >>> study = donors_study(settings, seed=1)
    >>> study.shape, list(study.samples["line"][:2])
    ((160, 200), ['donor1-no', 'donor1-yes'])
    """
    stream = lambda *names: seeds.stream(seed, "simulate", settings.name, *names)  # noqa: E731
    genes = _genes(settings, stream("genes"))
    samples = _samples(settings, stream("samples"))
    rng = stream("effects")
    shifts, coupling = _effects(settings, genes, samples, rng)
    plain = np.flatnonzero(genes["role"] == "plain")
    markers = np.zeros(len(genes))
    chosen = plain[: round(MARKERS * len(plain))]
    markers[chosen] = rng.normal(0.0, MARKER_SHIFT, len(chosen))
    obs = samples.drop(columns="composition").loc[np.repeat(np.arange(len(samples)), settings.cells)]
    second = rng.random(len(obs)) < np.repeat(samples["composition"].to_numpy(), settings.cells)
    depth = obs["depth"] * np.exp(rng.normal(0.0, 0.2, len(obs)))
    names = [f"{line}-{at % settings.cells + 1}" for at, line in enumerate(obs["line"])]
    text = {
        name: pd.Categorical(obs[name]) for name in ("line", "donor", "condition", "group", "sex", "batch")
    }
    obs = obs.assign(**text, cell_type=pd.Categorical(np.where(second, "B", "A")), depth=depth)
    obs = obs.set_index(pd.Index(names, name="cell"))
    return DonorsStudy(settings, seed, genes, samples, obs, shifts, coupling, markers)


def _genes(settings: DonorsSettings, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table of genes; names do not tell the role."""
    role = np.repeat([*ROLES, "plain"], [*(getattr(settings, one) for one in ROLES), 0])
    role = np.concatenate([role, np.repeat("plain", settings.n_genes - len(role))])
    module = np.where(role == "plain", "", [f"M{at // MODULE_GENES + 1:02d}" for at in range(len(role))])
    base = np.where(module == "", rng.normal(*OTHER_BASE, len(role)), rng.normal(*MODULE_BASE, len(role)))
    number = rng.permutation(len(role)) + 1
    width = len(str(len(role)))
    genes = [f"G{at:0{width}d}" for at in number]
    return pd.DataFrame({"gene": genes, "module": module, "role": role, "base": base})


def _samples(settings: DonorsSettings, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table of samples."""
    count, conditions = settings.donors, settings.conditions
    trait = rng.permutation(np.linspace(0.0, 1.0, count))
    age = _correlated(trait, settings.age_rho, rng)
    sex = rng.permutation(np.resize(["female", "male"], count))
    batch = rng.permutation(np.resize(np.arange(settings.batches), count))
    width = len(str(count))
    rows = [
        {
            "line": f"donor{at + 1:0{width}d}"
            + (f"-{condition}" if len(conditions) > 1 else "")
            + (f"-{again + 1}" if settings.samples > 1 else ""),
            "donor": f"donor{at + 1:0{width}d}",
            "condition": condition,
            "trait": trait[at],
            "group": "case" if trait[at] > 0.5 else "control",
            "outcome": trait[at] if settings.follows == "trait" else code / max(len(conditions) - 1, 1),
            "age": 50.0 + 10.0 * age[at],
            "sex": sex[at],
            "batch": f"batch{batch[at] + 1}",
        }
        for at in range(count)
        for code, condition in enumerate(conditions)
        for again in range(settings.samples)
    ]
    samples = pd.DataFrame(rows)
    outcome = samples["outcome"].to_numpy()
    depth = settings.depth * np.exp(settings.depth_spread * _correlated(outcome, settings.depth_rho, rng))
    logit = _correlated(outcome, settings.composition_rho, rng)
    odds = np.exp(logit) * settings.composition / (1 - settings.composition)
    return samples.assign(composition=odds / (1 + odds), depth=depth)


def _correlated(target: np.ndarray, rho: float, rng: np.random.Generator) -> np.ndarray:
    """Return values of mean 0 and variance 1 with exactly the given correlation with the target."""
    target = (target - target.mean()) / target.std()
    noise = rng.standard_normal(len(target))
    noise -= noise.mean()
    noise -= target * (noise @ target) / len(target)
    noise /= noise.std()
    return rho * target + np.sqrt(1 - rho**2) * noise


def _effects(
    settings: DonorsSettings, genes: pd.DataFrame, samples: pd.DataFrame, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples' shifts of log means (samples, genes), and couplings (samples, modules)."""
    donor = pd.factorize(samples["donor"])[0]
    batch = pd.factorize(samples["batch"], sort=True)[0]
    role = genes["role"].to_numpy()
    shifts = rng.normal(0.0, settings.donor_mean, (settings.donors, len(genes)))[donor]
    if settings.batches > 1:
        shifts = shifts + rng.normal(0.0, settings.batch_mean, (settings.batches, len(genes)))[batch]
    # up in every second gene, so that the fractions of all other genes stay
    sign = np.where(role == "moves", 1 - 2 * (np.arange(len(genes)) % 2), 0)
    outcome = samples["outcome"].to_numpy()
    shifts = shifts + settings.move * (outcome[:, None] - 0.5) * sign
    female = (samples["sex"] == "female").to_numpy(float)
    shifts += settings.sex_mean * female[:, None] * ((role == "plain") & (np.arange(len(genes)) % 10 == 5))
    age = samples["age"].rank(pct=True).to_numpy()
    members = _members(genes)
    drivers = {"connects": outcome, "ages": age}
    coupling = (
        np.stack(
            [
                settings.coupling
                * (1.0 - settings.loss * drivers.get(role[columns[0]], np.zeros(len(samples))))
                for columns in members
            ],
            axis=1,
        )
        if members
        else np.zeros((len(samples), 0))
    )
    coupling += rng.normal(0.0, settings.donor_coupling, (settings.donors, len(members)))[donor]
    coupling += rng.normal(0.0, settings.sample_coupling, coupling.shape)
    return shifts, np.clip(coupling, 0.0, 0.98)


def _members(genes: pd.DataFrame) -> list[np.ndarray]:
    """Return the positions of the genes of each module, in the order of their names."""
    module = genes["module"].to_numpy()
    return [np.flatnonzero(module == name) for name in sorted(set(module) - {""})]
