"""Gene sets of a simulated system: planted sets and random decoys of the same sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from panscape import seeds
from panscape.data.files import atomic

if TYPE_CHECKING:
    from panscape.simulate.design import System

DECOY = "decoy"
_MIN_CHANGE = 0.1  # minimum change of log expression of a planted gene


def planted_sets(system: System, *, decoys: int = 4) -> dict[str, list[str]]:
    """Return the planted gene sets of a simulated system, and random sets of the same sizes.

    Parameters
    ----------
    system
        From :func:`panscape.simulate.design.design`.
    decoys
        Sets of random genes per planted set, called ``decoy-<planted set>-<number>``.

    Returns
    -------
    Name -> genes: ``type-<cell type>`` (genes higher in it), ``age-rising``, ``age-falling``, and the modules
    (whose genes vary together within cell types).

    Examples
    --------
    >>> from panscape.simulate.design import design
    >>> from panscape.simulate.settings import Settings
    >>> sets = planted_sets(design(Settings(n_genes=300, n_modules=4), 1), decoys=1)
    >>> len(sets["age-rising"]) == len(sets["decoy-age-rising-1"])
    True
    """
    genes = system.genes["gene"].to_numpy(dtype=object)
    of_type = {
        f"type-{name}": genes[effect > _MIN_CHANGE]
        for name, effect in zip(system.types["cell_type"], system.type_effects, strict=True)
    }
    late = np.asarray(system.age_effects).sum(axis=0)
    of_age = {"age-rising": genes[late > _MIN_CHANGE], "age-falling": genes[late < -_MIN_CHANGE]}
    module = system.genes["module"].fillna("").astype(str).to_numpy()
    of_module = {name: genes[module == name] for name in system.modules["module"]}
    sets = {name: sorted(members) for name, members in (of_type | of_age | of_module).items() if len(members)}
    rng = seeds.stream(system.seed, "features", "decoys")
    for name, members in list(sets.items()):
        for number in range(decoys):
            sets[f"{DECOY}-{name}-{number + 1}"] = sorted(rng.choice(genes, len(members), replace=False))
    return sets


def write_gmt(sets: dict[str, list[str]], path: str | Path) -> None:
    """Write gene sets as a GMT file: name, description and genes, separated by tabs."""
    with atomic(path) as scratch:
        lines = ["\t".join([name, "simulated", *members]) for name, members in sets.items()]
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")
