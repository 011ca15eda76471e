"""Design of a simulated system: genes, cell types, modules and their coupling, and effects of studies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.simulate.settings import Settings, reserved

STEM = "stem"
STEM_END = 0.2  # fraction of the age span after which cells have left the stem
AGE_KNOTS = np.array([0.15, 0.4, 0.6, 0.85])  # fractions of the age span at which age genes change
AGE_WIDTH = 0.08
UNDETECTED = np.log(0.02)  # log effect on genes that a study's protocol detects badly
# Mean and sd over genes of the base log expression. Markers are rare outside their type; correlation
# of modules is only visible in genes with enough counts.
BASE = {"plain": (0.0, 2.0), "module": (1.8, 0.8), "type": (-0.5, 1.5)}
MITO_SHARE, RIBO_COUNT_SHARE = 0.04, 0.08
MITO_GENES = ("ND1", "ND2", "CO1", "CO2", "ATP8", "ATP6", "CO3", "ND3", "ND4L", "ND4", "ND5", "ND6", "CYB")


@dataclass(frozen=True)
class System:
    """A simulated system, from which studies are drawn.

    Attributes
    ----------
    settings, seed
        Settings and seed of the system.
    genes
        Table: gene, role (module, age, type, mito, ribo, plain), module, base (log fraction of counts),
        spread
        (sd of log expression within a type), dispersion.
    types
        Table: cell_type, lineage, parent, age_from, age_to.
    modules
        Table: module, kind (on, off, pulse), lineage (empty: all), onset, offset (ages), moves (bool).
    type_effects
        float32, (n_types, n_genes): change of log expression in each type.
    age_effects
        float32, (n_knots, n_genes): change of log expression once each knot of age has passed.
    platforms
        Table of gene-wise log effects: one row per gene, one column per platform.
    shifts
        The same of studies, effects of the platform and of detection included.
    measured
        Table of bool: one row per gene, one column per study: whether its table has the gene.
    """

    settings: Settings
    seed: int
    genes: pd.DataFrame
    types: pd.DataFrame
    modules: pd.DataFrame
    type_effects: np.ndarray
    age_effects: np.ndarray
    platforms: pd.DataFrame
    shifts: pd.DataFrame
    measured: pd.DataFrame

    def relative(self, age: np.ndarray) -> np.ndarray:
        """Return ages as fractions of the system's age span (0 youngest, 1 oldest)."""
        return self.settings.relative(age)


def design(settings: Settings, seed: int) -> System:
    """Draw the planted structure of a system.

    Neither the genes nor the modules depend on the list of studies (other than through the span of ages),
    so a study can be added without changing what the others sample.
    """
    types = _types(settings)
    modules = _modules(settings, seeds.stream(seed, "simulate", "modules"))
    genes = _genes(settings, seeds.stream(seed, "simulate", "genes"))
    names = genes["gene"]
    platforms = pd.DataFrame(
        {
            item.platform: seeds.stream(seed, "simulate", "platform", item.platform).normal(
                0.0, settings.platform_shift, len(genes)
            )
            for item in settings.studies
        },
        index=names,
    )
    shifts = pd.DataFrame(
        {
            item.name: platforms[item.platform].to_numpy()
            + seeds.stream(seed, "simulate", "study", item.name).normal(0.0, item.shift, len(genes))
            + UNDETECTED * ~_some(seed, item.name, "detected", len(genes), item.detected_fraction)
            for item in settings.studies
        },
        index=names,
    )
    measured = {
        item.name: _some(seed, item.name, "measured", len(genes), item.measured_fraction)
        for item in settings.studies
    }
    return System(
        settings,
        seed,
        genes,
        types,
        modules,
        _type_effects(settings, types, genes, seeds.stream(seed, "simulate", "types")),
        _age_effects(settings, genes, seeds.stream(seed, "simulate", "ages")),
        platforms,
        shifts,
        pd.DataFrame(measured, index=names),
    )


def _some(seed: int, study: str, what: str, count: int, fraction: float) -> np.ndarray:
    """Return bool (count,): a random fraction of the genes, whatever the other studies."""
    order = seeds.stream(seed, "simulate", "study", study, what).permutation(count)
    return order < max(round(count * fraction), 1)


def coupling(system: System, age: np.ndarray, lineage: np.ndarray) -> np.ndarray:
    """Return the correlation of the genes of each module in log expression.

    Parameters
    ----------
    system
        The planted system.
    age
        (n,), in the collection's unit.
    lineage
        (n,), names of lineages (``stem`` before the lineages part).

    Returns
    -------
    float64, (n, n_modules), 0 to ``settings.coupling``.
    """
    u = system.relative(age)[:, None]
    table = system.modules
    onset, offset = (system.relative(table[name])[None, :] for name in ("onset", "offset"))
    # a missing onset means coupled from the start, a missing offset, coupled to the end
    width = system.settings.coupling_width
    on = np.where(np.isnan(onset), 1.0, _ramp((u - np.nan_to_num(onset)) / width))
    off = np.where(np.isnan(offset), 1.0, _ramp((np.nan_to_num(offset) - u) / width))
    lineage_of = table["lineage"].to_numpy()[None, :]
    here = (lineage_of == "") | (lineage_of == np.asarray(lineage, dtype=object)[:, None])
    return system.settings.coupling * on * off * here


def age_basis(system: System, age: np.ndarray) -> np.ndarray:
    """Return the progress (n, n_knots) of each change of the age genes, 0 to 1."""
    u = system.relative(age)[:, None]
    return 1.0 / (1.0 + np.exp(-(u - AGE_KNOTS[None, :]) / AGE_WIDTH))


def _ramp(distance: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-distance))


def _types(settings: Settings) -> pd.DataFrame:
    rows = [(STEM, STEM, "", 0.0, STEM_END)]
    length = (1.0 - STEM_END) / settings.stages
    for lineage in range(1, settings.lineages + 1):
        parent = STEM
        for stage in range(settings.stages):
            name = f"lineage-{lineage}-stage-{stage + 1}"
            start = STEM_END + stage * length
            rows.append((name, f"lineage-{lineage}", parent, start, start + length))
            parent = name
    table = pd.DataFrame(rows, columns=["cell_type", "lineage", "parent", "age_from", "age_to"])
    if settings.type_order == "concurrent":
        table["age_from"], table["age_to"] = 0.0, 1.0
    for name in ("age_from", "age_to"):
        table[name] = settings.age_at(table[name].to_numpy())
    return table


def _modules(settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    count = settings.n_modules
    n_own = round(count * settings.lineage_fraction) if settings.lineages > 1 else 0
    lineage = np.array(
        [f"lineage-{at % settings.lineages + 1}" for at in range(n_own)] + [""] * (count - n_own)
    )
    rows = []
    for group in np.unique(lineage):
        members = np.flatnonzero(lineage == group)
        # onsets are spread over the ages at which the group's cells exist, so that every age has a change
        low = STEM_END if group and settings.type_order == "successive" else 0.0
        turns = low + (1.0 - low) * (np.arange(len(members)) + rng.uniform(0.25, 0.75, len(members))) / len(
            members
        )
        for at, (module, turn) in enumerate(zip(members, turns, strict=True)):
            kind = ("on", "pulse", "off")[at % 3]
            onset = np.nan if kind == "off" else turn
            offset = {"on": np.nan, "off": turn, "pulse": turn + rng.uniform(0.2, 0.35)}[kind]
            rows.append((module, kind, group, settings.age_at(onset), settings.age_at(offset)))
    table = pd.DataFrame(rows, columns=["module", "kind", "lineage", "onset", "offset"]).sort_values("module")
    table["module"] = [f"module-{at + 1:02d}" for at in table["module"]]
    table["moves"] = np.isin(
        np.arange(count), rng.permutation(count)[: round(count * settings.moving_fraction)]
    )
    return table.reset_index(drop=True)


def _genes(settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    counts = reserved(settings)
    roles = np.repeat(list(counts), list(counts.values()))
    roles = np.concatenate([roles, np.repeat("plain", settings.n_genes - len(roles))])
    module = np.full(settings.n_genes, -1)
    module[roles == "module"] = np.repeat(np.arange(settings.n_modules), settings.module_genes)
    centre, width = np.array([BASE.get(role, BASE["plain"]) for role in roles]).T
    base = rng.normal(centre, width)
    total = np.exp(base[~np.isin(roles, ["mito", "ribo"])]).sum()
    rest = 1.0 - MITO_SHARE - RIBO_COUNT_SHARE
    for role, share in (("mito", MITO_SHARE), ("ribo", RIBO_COUNT_SHARE)):
        of_role = roles == role
        weight = np.exp(rng.normal(0.0, 0.5, of_role.sum()))
        base[of_role] = np.log(weight / weight.sum() * total * share / rest)
    base -= np.log(np.exp(base).sum())
    spread = np.where(roles == "module", settings.spread, 0.0)
    table = pd.DataFrame(
        {
            "gene": "",
            "role": roles,
            "module": [f"module-{at + 1:02d}" if at >= 0 else "" for at in module],
            "base": base,
            "spread": spread,
            "dispersion": settings.dispersion * np.exp(rng.normal(0.0, 0.4, settings.n_genes)),
        }
    )
    # shuffled, so that neither order nor name reveals a gene's role
    table = table.iloc[rng.permutation(settings.n_genes)].reset_index(drop=True)
    table["gene"] = _names(table["role"].to_numpy())
    return table


def _names(roles: np.ndarray) -> list[str]:
    width = len(str(len(roles)))
    names = [f"G{at + 1:0{width}d}" for at in range(len(roles))]
    for at, place in enumerate(np.flatnonzero(roles == "mito")):
        names[place] = f"MT-{MITO_GENES[at]}"
    for at, place in enumerate(np.flatnonzero(roles == "ribo")):
        names[place] = f"RP{'SL'[at % 2]}{at // 2 + 2}"
    return names


def _type_effects(settings: Settings, types: pd.DataFrame, genes: pd.DataFrame, rng) -> np.ndarray:
    """Return effects inherited along the tree: those of a type and of its ancestors."""
    markers = rng.permutation(np.flatnonzero(genes["role"] == "type"))
    names = types["cell_type"].tolist()
    effects = np.zeros((len(types), len(genes)), dtype=np.float32)
    for at, (of_type, parent) in enumerate(
        zip(np.array_split(markers, len(types)), types["parent"], strict=True)
    ):
        if parent:
            effects[at] = effects[names.index(parent)]
        sign = np.where(rng.random(len(of_type)) < 0.8, 1.0, -1.0)
        effects[at, of_type] += sign * settings.type_effect * rng.uniform(0.7, 1.3, len(of_type))
    return effects


def _age_effects(settings: Settings, genes: pd.DataFrame, rng) -> np.ndarray:
    effects = np.zeros((len(AGE_KNOTS), len(genes)), dtype=np.float32)
    age_genes = np.flatnonzero(genes["role"] == "age")
    effects[rng.integers(len(AGE_KNOTS), size=len(age_genes)), age_genes] = rng.normal(
        0.0, settings.age_effect, len(age_genes)
    )
    return effects
