"""Settings of simulated systems, and the sizes that tests and benchmarks use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from panscape.errors import Problem, UserError
from panscape.settings import FromMapping, Renamed

N_MITO = 13
RIBO_SHARE = 0.02
TYPE_ORDERS = ("successive", "concurrent")
AGE_SCALES = ("linear", "log")


@dataclass(frozen=True)
class StudySettings:
    """A study that samples the system.

    Parameters
    ----------
    name
        Study id, unique.
    cells
        Number of cells.
    ages
        Lowest and highest age sampled, in the collection's unit.
    depth
        Median total count of a good cell.
    depth_spread
        Standard deviation of the logarithm of the depth over cells.
    platform
        Name of the platform; its studies share gene-wise effects.
    shift
        Standard deviation of the study's own gene-wise effects on log expression.
    timepoints
        Number of sampling times, evenly over `ages` on the system's scale of age; 0 records each cell's own
        age.
    sample_shift
        Standard deviation of gene-wise effects on log expression of each sample (the cells of one sampling
        time), such as those of single animals or of the day of an experiment.
    detected_fraction
        Fraction of genes that the protocol detects well; the others, drawn at random, have 1/50 of their
        counts, as many genes in single nuclei.
    measured_fraction
        Fraction of genes in the study's table, drawn at random; the others are missing from it.
    """

    name: str
    cells: int = 5000
    ages: tuple[float, float] = (0.0, 20.0)
    depth: float = 2000.0
    depth_spread: float = 0.4
    platform: str = "droplet"
    shift: float = 0.6
    timepoints: int = 6
    sample_shift: float = 0.0
    detected_fraction: float = 1.0
    measured_fraction: float = 1.0


@dataclass(frozen=True)
class Settings(FromMapping):
    """The system that all studies sample.

    Parameters
    ----------
    studies
        At least one study, as :class:`StudySettings` or a mapping of its fields.
    n_genes
        All genes, with 13 mitochondrial and 2 % ribosomal ones.
    n_modules, module_genes
        Number of gene modules, and genes in each; modules are disjoint.
    lineages, stages
        Number of lineages that leave the common stem, and successive cell types in each:
        ``1 + lineages * stages`` types.
    type_order
        ``"successive"``: types appear one after another with age; ``"concurrent"``: every type exists at all
        ages.
    lineage_fraction
        Fraction of modules that are coupled in one lineage only.
    moving_fraction
        Fraction of modules whose mean expression rises with their coupling; in the others mean and variance
        of every gene stay constant.
    coupling
        Highest correlation of two module genes' log expression, 0 to 1.
    coupling_width
        Width of the change of a module's coupling about its onset or offset, as a fraction of the age span.
    spread
        Standard deviation of a module gene's log expression within a cell type.
    age_genes, age_effect
        Fraction of genes whose mean changes with age, and the standard deviation of that change (log).
    type_genes, type_effect
        Fraction of genes that mark cell types, and the size of their change (log).
    dispersion
        Median over-dispersion of the counts: variance = mean + dispersion * mean^2 at a given rate.
    platform_shift
        Standard deviation of a platform's gene-wise effects on log expression.
    age_scale
        ``"linear"`` or ``"log"``: the scale on which ages are sampled and everything changes with age.
    jitter
        Standard deviation of a cell's true age about its sampling time, as a fraction of the age span.
    low_quality
        Fraction of cells that are debris (few counts) or dying (many mitochondrial counts), half each.

    Examples
    --------
    >>> Settings(studies=[{"name": "a", "cells": 100, "ages": [0, 10]}], n_genes=500, n_modules=5).span
    (0.0, 10.0)
    """

    SECTION: ClassVar[str] = "simulation"
    BESIDE: ClassVar[frozenset[str]] = frozenset(("lines", "multiome"))
    RENAMED: ClassVar[Mapping[str, Renamed]] = {
        "lineage_share": Renamed("lineage_fraction"),
        "moving_share": Renamed("moving_fraction"),
    }

    studies: tuple[StudySettings, ...] = field(default_factory=lambda: (StudySettings("study"),))
    n_genes: int = 2000
    n_modules: int = 40
    module_genes: int = 15
    lineages: int = 4
    stages: int = 3
    type_order: str = "successive"
    lineage_fraction: float = 0.4
    moving_fraction: float = 0.2
    coupling: float = 0.9
    coupling_width: float = 0.05
    spread: float = 1.1
    age_genes: float = 0.15
    age_effect: float = 1.2
    type_genes: float = 0.2
    type_effect: float = 3.5
    dispersion: float = 0.15
    platform_shift: float = 0.4
    age_scale: str = "linear"
    jitter: float = 0.02
    low_quality: float = 0.03

    def __post_init__(self) -> None:
        object.__setattr__(self, "studies", tuple(_study(item) for item in self.studies))
        problems = list(_problems(self))
        if problems:
            raise UserError(problems)

    @property
    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest age of all studies."""
        return min(item.ages[0] for item in self.studies), max(item.ages[1] for item in self.studies)

    def relative(self, age: np.ndarray) -> np.ndarray:
        """Return ages as fractions of the age span (0 youngest, 1 oldest) on the scale of age."""
        low, high = self.span
        values = np.asarray(age, dtype=np.float64)
        if self.age_scale == "log":
            return np.log(values / low) / np.log(high / low)
        return (values - low) / (high - low)

    def age_at(self, relative: np.ndarray | float) -> np.ndarray | float:
        """Return the ages at fractions of the age span, the inverse of :meth:`relative`."""
        low, high = self.span
        if self.age_scale == "log":
            return low * np.exp(np.asarray(relative) * np.log(high / low))
        return low + relative * (high - low)


def _study(item: StudySettings | Mapping[str, Any]) -> StudySettings:
    if isinstance(item, StudySettings):
        return item
    return StudySettings(**{**item, "ages": tuple(map(float, item["ages"]))})


def reserved(settings: Settings) -> dict[str, int]:
    """Return the number of genes of each role; the others have a constant mean and no module."""
    return {
        "mito": N_MITO,
        "ribo": max(round(settings.n_genes * RIBO_SHARE), 1),
        "module": settings.n_modules * settings.module_genes,
        "age": round(settings.n_genes * settings.age_genes),
        "type": round(settings.n_genes * settings.type_genes),
    }


def _problems(settings: Settings) -> Iterator[Problem]:
    names = [item.name for item in settings.studies]
    if not names:
        yield Problem("simulation.studies", "there is no study", "list at least one {name, cells, ages}")
        return
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("simulation.studies", f"the name {name!r} occurs twice", "give each study its own name")
    for at, item in enumerate(settings.studies):
        key = f"simulation.studies[{at}]"
        if item.cells < 1:
            yield Problem(f"{key}.cells", f"{item.cells}", "write a number of at least 1")
        if not item.ages[0] <= item.ages[1]:
            yield Problem(f"{key}.ages", f"{list(item.ages)}", "write [lowest, highest]")
        if item.depth <= 0:
            yield Problem(f"{key}.depth", f"{item.depth}", "write a number above 0")
        if not item.sample_shift >= 0:
            yield Problem(f"{key}.sample_shift", f"{item.sample_shift}", "write a number of at least 0")
        for name in ("detected_fraction", "measured_fraction"):
            if not 0 < (value := getattr(item, name)) <= 1:
                yield Problem(f"{key}.{name}", f"{value}", "write a number above 0, at most 1")
    for name, allowed in (("type_order", TYPE_ORDERS), ("age_scale", AGE_SCALES)):
        if (value := getattr(settings, name)) not in allowed:
            yield Problem(f"simulation.{name}", f"{value!r}", f"write one of {', '.join(allowed)}")
    if not settings.coupling_width > 0:
        yield Problem("simulation.coupling_width", f"{settings.coupling_width}", "write a number above 0")
    if settings.age_scale == "log" and settings.span[0] <= 0:
        where = "simulation.studies"
        yield Problem(where, f"lowest age {settings.span[0]:g} with age_scale: log", "write ages above 0")
    if settings.span[0] == settings.span[1]:
        yield Problem("simulation.studies", "all studies have the same age", "let at least one span two ages")
    wanted = sum(reserved(settings).values())
    if wanted > settings.n_genes:
        yield Problem(
            "simulation.n_genes",
            f"{settings.n_genes} genes are fewer than the {wanted} of modules, age, type, mitochondrial "
            "and ribosomal genes",
            "raise n_genes, or lower n_modules, module_genes, age_genes or type_genes",
        )


def from_config(values: Mapping) -> Settings:
    """Make settings of the ``simulation`` section of a collection's YAML.

    Raises
    ------
    UserError
        For unknown keys and contradictory values.
    """
    return Settings.of({"studies": (), **values})


def demo() -> Settings:
    """Return the system of the demo collection: three studies, small enough for a laptop."""
    return Settings(
        studies=(
            StudySettings("early", 5000, (8.0, 14.0), depth=1600.0, platform="droplet"),
            StudySettings("middle", 5000, (10.0, 18.0), depth=1000.0, platform="combinatorial"),
            StudySettings("late", 5000, (13.0, 20.0), depth=2200.0, platform="droplet"),
        ),
        n_genes=1000,
        n_modules=20,
    )


def acceptance(cells: int = 5000) -> Settings:
    """Return the acceptance system: 3 studies of `cells` cells, 2000 genes, 13 types, 40 modules."""
    return Settings(
        studies=(
            StudySettings("early", cells, (8.0, 14.0), depth=2400.0, platform="droplet"),
            StudySettings("middle", cells, (10.0, 18.0), depth=1500.0, platform="combinatorial"),
            StudySettings("late", cells, (13.0, 20.0), depth=3200.0, platform="droplet"),
        )
    )


def scale(cells: int = 932_000) -> Settings:
    """Return five studies with `cells` cells in total, in the proportions of the mouse brain collection.

    The largest has 562/932 of the cells; at 2,000 genes about 10 % of the counts are not zero.
    """
    shares = {"one": 562, "two": 180, "three": 100, "four": 60, "five": 30}
    ages = {
        "one": (8.0, 14.0),
        "two": (10.0, 17.0),
        "three": (12.0, 20.0),
        "four": (8.0, 20.0),
        "five": (15.0, 20.0),
    }
    return Settings(
        studies=tuple(
            StudySettings(
                name,
                round(cells * share / 932),
                ages[name],
                depth=450.0 + 50.0 * at,
                platform=f"platform-{at % 3}",
            )
            for at, (name, share) in enumerate(shares.items())
        )
    )
