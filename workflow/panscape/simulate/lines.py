"""Simulated study of many cell lines with a graded phenotype, and gene modules that do or do not follow it.

Every line is sampled from the same cell state. In the module ``loses`` the genes' correlation falls with the
phenotype while mean and variance of each gene stay constant; in ``moves`` only the means change with it, up
in every second gene and down in the others, so that the fractions of all other genes are constant. The other
modules change in neither. Genes are named by module (``A01`` ... in the module that loses, ``B01`` ... in the
one that moves), so that a GMT file of the modules can be written beforehand; no method uses the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.errors import Problem, UserError
from panscape.simulate.sampled import Sampled

ROLES = ("loses", "moves")  # roles of the first two modules; the others do not change
LINE_SPREAD = 0.15  # sd over lines of a gene's log mean, independent of the phenotype
MODULE_BASE = (0.6, 0.4)  # mean and sd of the log rates of module genes, relative to other genes
OTHER_BASE = (0.5, 1.0)


@dataclass(frozen=True)
class LinesSettings:
    """A study of cell lines or donors.

    Parameters
    ----------
    name
        Id of the study, unique among all simulated ones.
    lines, cells
        Number of lines, and cells of each.
    n_genes, n_modules, module_genes
        All genes; gene modules (at least the two planted ones) and genes in each.
    coupling
        Correlation of two genes' log expression in a module.
    loss
        Fraction of the coupling that the module ``loses`` has lost where the phenotype is 1.
    move
        Change of the log mean of the genes of the module ``moves`` from phenotype 0 to 1, up or down.
    spread
        Standard deviation of a module gene's log expression within a line.
    depth, depth_spread
        Median number of counts of a cell; standard deviation of its logarithm over lines and over cells.
    dispersion
        Over-dispersion of the counts: variance = mean + dispersion x mean squared.
    """

    name: str
    lines: int = 16
    cells: int = 300
    n_genes: int = 150
    n_modules: int = 5
    module_genes: int = 12
    coupling: float = 0.8
    loss: float = 0.9
    move: float = 2.0
    spread: float = 0.9
    depth: float = 1500.0
    depth_spread: float = 0.2
    dispersion: float = 0.1

    def __post_init__(self):
        taken = self.n_modules * self.module_genes
        key = f"simulation.lines ({self.name})"
        if taken > self.n_genes:
            problem = f"{self.n_genes} genes are fewer than the {taken} of the modules"
            raise UserError(Problem(key, problem, "raise n_genes, or lower n_modules or module_genes"))
        if not len(ROLES) <= self.n_modules <= len(ascii_uppercase):
            problem = f"{self.n_modules} modules"
            raise UserError(Problem(f"{key}.n_modules", problem, "write a number from 2 to 26"))


@dataclass(frozen=True)
class LinesStudy(Sampled):
    """A drawn study of lines: cells are fixed, counts are generated block by block.

    Attributes
    ----------
    settings, seed
        Settings and seed of the study.
    genes
        Table: gene, module (empty outside), role (loses, moves, stays, plain), base (log rate).
    lines
        Table: line, phenotype (0 to 1), group (case above one half, else control), depth.
    obs
        Cells: line, phenotype, group, depth (expected total count).
    """

    settings: LinesSettings
    seed: int
    genes: pd.DataFrame
    lines: pd.DataFrame
    obs: pd.DataFrame
    _shifts: np.ndarray = field(repr=False)  # (lines, genes): line-specific effects on log expression

    def _log_means(self, rows: slice, rng: np.random.Generator) -> np.ndarray:
        obs, genes, settings = self.obs.iloc[rows], self.genes, self.settings
        line = pd.Index(self.lines["line"]).get_indexer(obs["line"].astype(str))
        phenotype = self.lines["phenotype"].to_numpy()[line][:, None]
        log = genes["base"].to_numpy() + self._shifts[line]
        sign = np.where(genes["role"] == "moves", 1 - 2 * (np.arange(len(genes)) % 2), 0)
        log += settings.move * (phenotype - 0.5) * sign
        for module, columns in genes.groupby("module").indices.items():
            if not module:
                continue
            loses = genes["role"].iloc[columns[0]] == "loses"
            strength = settings.coupling * (1.0 - settings.loss * phenotype * loses)
            log[:, columns] += self._module(strength, len(columns), rng)
        return log


def lines_study(settings: LinesSettings, seed: int) -> LinesStudy:
    """Draw a study of lines with its planted modules.

    The phenotype takes evenly spaced values from 0 to 1, assigned to the lines at random, independently of
    depth.

    Examples
    --------
    >>> lines_study(LinesSettings("lines", lines=3, cells=20, n_genes=60), seed=1).shape
    (60, 60)
    """
    name = settings.name
    genes = _genes(settings, seeds.stream(seed, "simulate", name, "genes"))
    rng = seeds.stream(seed, "simulate", name, "lines")
    width = len(str(settings.lines))
    phenotype = rng.permutation(np.linspace(0.0, 1.0, settings.lines))
    lines = pd.DataFrame(
        {
            "line": [f"line{at + 1:0{width}d}" for at in range(settings.lines)],
            "phenotype": phenotype,
            "group": np.where(phenotype > 0.5, "case", "control"),
            "depth": settings.depth * np.exp(rng.normal(0.0, settings.depth_spread, settings.lines)),
        }
    )
    shifts = rng.normal(0.0, LINE_SPREAD, (settings.lines, settings.n_genes))
    obs = lines.loc[np.repeat(np.arange(settings.lines), settings.cells)]
    depth = obs["depth"] * np.exp(rng.normal(0.0, settings.depth_spread, len(obs)))
    cells = [f"{line}-{at % settings.cells + 1}" for at, line in enumerate(obs["line"])]
    obs = obs.assign(
        depth=depth, line=pd.Categorical(obs["line"]), group=pd.Categorical(obs["group"])
    ).set_index(pd.Index(cells, name="cell"))
    return LinesStudy(settings, seed, genes, lines, obs, shifts)


def _genes(settings: LinesSettings, rng: np.random.Generator) -> pd.DataFrame:
    count, size = settings.n_modules, settings.module_genes
    module = np.repeat([*ascii_uppercase[:count], ""], [*[size] * count, settings.n_genes - count * size])
    roles = dict(zip(ascii_uppercase, [*ROLES, *["stays"] * (count - len(ROLES))], strict=False)) | {
        "": "plain"
    }
    width = len(str(settings.n_genes))
    within = pd.Series(module).groupby(module).cumcount() + 1
    names = [
        f"{letter}{at:02d}" if letter else f"plain{at:0{width}d}"
        for letter, at in zip(module, within, strict=True)
    ]
    base = np.where(module == "", rng.normal(*OTHER_BASE, len(module)), rng.normal(*MODULE_BASE, len(module)))
    return pd.DataFrame(
        {
            "gene": [name.upper() for name in names],
            "module": module,
            "role": [roles[letter] for letter in module],
            "base": base,
        }
    )


def lines_from_config(values: Mapping) -> tuple[LinesSettings, ...]:
    """Make settings of the list ``simulation.lines`` of a collection's YAML.

    Raises
    ------
    UserError
        If two simulated studies have the same name, or the modules do not fit the genes.
    """
    items = values.get("lines", ())
    names = [item["name"] for item in [*values.get("studies", ()), *items]]
    for at, item in enumerate(items):
        if names.count(item["name"]) > 1:
            problem = f"the name {item['name']!r} occurs twice"
            raise UserError(Problem(f"simulation.lines[{at}].name", problem, "give each study its own name"))
    return tuple(LinesSettings(**item) for item in items)
