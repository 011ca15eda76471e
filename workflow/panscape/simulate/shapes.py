"""Simulated collections of other shapes than the demo's: each makes one thing hard that real studies have.

Every function returns settings for :func:`panscape.simulate.design.design`; all have a few thousand cells and
800 genes.

Examples
--------
>>> from panscape.simulate import simulate_atlas
>>> simulate_atlas(log_age(cells=30), seed=1).shape
(120, 800)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from panscape.simulate.settings import Settings, StudySettings


def _system(studies: tuple[StudySettings, ...], **changes: Any) -> Settings:
    return Settings(**{"studies": studies, "n_genes": 800, "n_modules": 20, "lineages": 3, **changes})


def log_age(cells: int = 1400) -> Settings:
    """Return four studies over 9 to 90 days: coupling depends on the logarithm of age, no mean does.

    Types exist at all ages and no gene's mean follows age. Clusters differ in age because every sample has
    effects of its own, which have no order.

    Parameters
    ----------
    cells
        Cells per study, >= 1.
    """
    shape: tuple[tuple[str, tuple[float, float], float], ...] = (
        ("a", (9.0, 30.0), 2000.0),
        ("b", (12.0, 60.0), 1200.0),
        ("c", (25.0, 90.0), 3000.0),
        ("d", (9.0, 90.0), 900.0),
    )
    studies = tuple(
        StudySettings(name, cells, ages, depth=depth, platform=f"platform-{at % 2}", sample_shift=0.6)
        for at, (name, ages, depth) in enumerate(shape)
    )
    kept_still = {"age_genes": 0.0, "moving_fraction": 0.0, "lineage_fraction": 0.0}
    return _system(
        studies,
        lineages=1,
        stages=1,
        type_order="concurrent",
        age_scale="log",
        coupling_width=0.1,
        **kept_still,
    )


def uneven(cells: int = 4500) -> Settings:
    """Return four studies, one with a tenth of the cells, one with a tenth of the counts per cell.

    Parameters
    ----------
    cells
        Cells of the largest study, >= 10.
    """
    return _system(
        (
            StudySettings("large", cells, (8.0, 18.0), depth=3000.0),
            StudySettings("small", cells // 10, (10.0, 19.0), depth=2000.0, platform="plates"),
            StudySettings("shallow", cells // 3, (9.0, 20.0), depth=300.0, platform="combinatorial"),
            StudySettings("middle", cells // 4, (12.0, 20.0), depth=1500.0),
        )
    )


def disjoint_ages(cells: int = 1400) -> Settings:
    """Return four studies none of which shares an age with another; each has a platform of its own.

    Parameters
    ----------
    cells
        Cells per study, >= 1.
    """
    ages = ((8.0, 10.5), (11.0, 13.5), (14.0, 17.0), (17.5, 20.0))
    depths = (2200.0, 900.0, 1600.0, 1200.0)
    return _system(
        tuple(
            StudySettings(f"period-{at}", cells, part, depth=depth, platform=f"platform-{at}", timepoints=4)
            for at, (part, depth) in enumerate(zip(ages, depths, strict=True))
        )
    )


def nuclei(cells: int = 1400) -> Settings:
    """Return four studies: two of whole cells, one of nuclei that detects half of the genes, one half panel.

    The panel's table has only half of the genes; the nuclei's table has all, half of them with few counts.

    Parameters
    ----------
    cells
        Cells per study, >= 1.
    """
    return _system(
        (
            StudySettings("cells-a", cells, (8.0, 16.0), depth=2000.0),
            StudySettings("cells-b", cells, (11.0, 20.0), depth=1200.0, platform="combinatorial"),
            StudySettings(
                "nuclei", cells, (8.0, 20.0), depth=1000.0, platform="nuclei", detected_fraction=0.5
            ),
            StudySettings("panel", cells, (9.0, 19.0), depth=2500.0, platform="panel", measured_fraction=0.5),
        )
    )


def within_types(cells: int = 1800) -> Settings:
    """Return three studies with seven cell types at all ages: age acts within types, in part in one lineage.

    Parameters
    ----------
    cells
        Cells per study, >= 1.
    """
    shape = (("a", (8.0, 15.0), 2200.0), ("b", (10.0, 20.0), 1400.0), ("c", (9.0, 20.0), 1000.0))
    studies = tuple(
        StudySettings(name, cells, ages, depth=depth, platform=f"platform-{at % 2}", sample_shift=0.4)
        for at, (name, ages, depth) in enumerate(shape)
    )
    return _system(studies, stages=2, type_order="concurrent", age_genes=0.1, lineage_fraction=0.5)


SHAPES: dict[str, Callable[[], Settings]] = {
    "log-age": log_age,
    "uneven": uneven,
    "disjoint-ages": disjoint_ages,
    "nuclei": nuclei,
    "within-types": within_types,
}
