"""Size of the change of connectivity with a phenotype, of genes and of gene sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.sivae.networks.centrality import associate_genes
from panscape.sivae.networks.gene_tests import centralities_of, controls_of
from panscape.sivae.networks.phenotype import Phenotype
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.set_tests import library_sets
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes
from panscape.stats.adjusted import rank_of, room_for_controls
from panscape.stats.slopes import Slopes, slopes

ENDS = ("low_end", "high_end")
INTERVALS = [
    "effect",
    "effect_low",
    "effect_high",
    "effect_partial",
    "effect_partial_low",
    "effect_partial_high",
]
COLUMNS = ["gene", "phenotype", "model", *ENDS, "relative", *INTERVALS, "per", "n"]
TESTS = [
    "rho",
    "pvalue",
    "fdr",
    "rho_partial",
    "pvalue_partial",
    "fdr_partial",
    "pvalue_partial_permuted",
    "call",
]
SET_COLUMNS = ["set", "library", "genes", *COLUMNS[1:], *TESTS]


def effect_tables(
    collection: Collection, settings: NetworkSettings, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate how much connectivity changes with every phenotype of numbers or two groups.

    Parameters
    ----------
    collection
        All lines.
    settings
        Settings of the comparison.
    columns
        Columns of the phenotypes.
    seed
        Seed of the permutations.

    Returns
    -------
    genes
        :data:`COLUMNS`: `low_end`, `high_end`: centrality expected at the lowest and the highest value, or in
        the first and the second group; `relative`: their difference relative to the mean centrality;
        `effect`: change per unit (`per`) of the phenotype with its 95 % interval, and the same with the
        controls of the tests (`effect_partial`). Limits are missing where there are too few lines.
    sets
        :data:`SET_COLUMNS`: the same for the mean centrality of the genes of each set, with the tests of
        :func:`panscape.sivae.networks.centrality.associate_genes`.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    libraries = library_sets(settings.gene_sets, collection.genes, settings.mito_set)
    members = set_members(libraries, collection.genes, settings.gsea_sizes)
    genes, sets = [], []
    for model in settings.models:
        centrality, controls = centralities_of(collection, model, settings), controls_of(collection, model)
        averaged = {name: _of_sets(value, members) for name, value in controls.items()}
        for phenotype in phenotypes:
            if phenotype.many:
                continue
            labels = {"phenotype": phenotype.name, "model": model}
            rng = seeds.stream(seed, "networks", "effects", phenotype.name)
            orders = phenotype.orders(settings.permutations, rng)
            table = effects(centrality, phenotype, controls, orders, settings.controls)
            genes.append(table.assign(gene=collection.genes, **labels))
            if not members:
                continue
            means = _of_sets(centrality, members)
            table = effects(means, phenotype, averaged, orders, settings.controls)
            tested, _ = associate_genes(
                means,
                phenotype,
                averaged,
                [name for _, name in members],
                use=settings.controls,
                permutations=settings.permutations,
                rng=seeds.stream(seed, "networks", "modules", model, phenotype.name),
                fdr=settings.fdr,
            )
            table = table.assign(
                library=[library for library, _ in members],
                set=[name for _, name in members],
                genes=[len(places) for places in members.values()],
                **labels,
            )
            sets.append(table.assign(**{name: tested[name].to_numpy() for name in TESTS}))
    return _joined(genes, COLUMNS), _joined(sets, SET_COLUMNS)


def set_members(
    libraries: Mapping[str, Mapping[str, Sequence[str]]],
    genes: Sequence[str] | np.ndarray,
    sizes: tuple[int, int],
) -> dict[tuple[str, str], np.ndarray]:
    """Return (library, set) -> positions of its genes, of sets with a number of analysed genes in `sizes`."""
    place = {gene: at for at, gene in enumerate(genes)}
    result = {}
    for library, sets in libraries.items():
        for name, members in sets.items():
            inside = np.array(sorted({place[gene] for gene in members if gene in place}), dtype=int)
            if sizes[0] <= len(inside) <= sizes[1]:
                result[library, name] = inside
    return result


def effects(
    values: np.ndarray,
    phenotype: Phenotype,
    controls: Mapping[str, np.ndarray],
    orders: np.ndarray,
    use: Sequence[str],
) -> pd.DataFrame:
    """Estimate the effects of one phenotype on rows of values.

    Parameters
    ----------
    values
        (G, L), one value per line.
    phenotype
        Numbers, or two groups.
    controls
        Name -> (G, L) or (L,).
    orders
        (P, n) other orders of the units, see :meth:`Phenotype.orders`.
    use
        Controls in order of importance; as many are used as in the tests.

    Returns
    -------
    One row per row of `values`; see :func:`effect_tables`.
    """
    y, x = phenotype.of_units(values), phenotype.values
    design = phenotype.design
    plain = slopes(y, x, orders, design)
    room = room_for_controls(phenotype.n, rank_of(design - design.mean(axis=0)))
    names = [name for name in use if name in controls][:room]
    partial = plain
    if names:
        given = [np.broadcast_to(phenotype.of_units(controls[name]), y.shape) for name in names]
        common = np.broadcast_to(design, (len(y), *design.shape))
        partial = slopes(y, x, orders, np.concatenate([np.stack(given, axis=2), common], axis=2))
    mean = y.mean(axis=1)
    ends = [mean + plain.value * (end - x.mean()) for end in (x.min(), x.max())]
    relative = np.divide(ends[1] - ends[0], mean, out=np.full(len(mean), np.nan), where=mean > 0)
    per = f"{phenotype.groups[1]} against {phenotype.groups[0]}" if phenotype.two else "1"
    table = pd.DataFrame({"low_end": ends[0], "high_end": ends[1], "relative": relative})
    return table.assign(**_columns(plain, ""), **_columns(partial, "_partial"), per=per, n=phenotype.n)


def _columns(fitted: Slopes, tail: str) -> dict[str, np.ndarray]:
    """Return the columns of slopes; infinite limits are missing."""
    limits = {"low": fitted.low, "high": fitted.high}
    return {f"effect{tail}": fitted.value} | {
        f"effect{tail}_{name}": np.where(np.isfinite(limit), limit, np.nan) for name, limit in limits.items()
    }


def _of_sets(values: np.ndarray, members: Mapping[tuple[str, str], np.ndarray]) -> np.ndarray:
    """Return the means (S, L) of the genes of every set; values of lines (L,) stay as they are."""
    if values.ndim == 1 or not members:
        return values
    return np.stack([values[places].mean(axis=0) for places in members.values()])


def _joined(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return (
        pd.concat(tables, ignore_index=True)[list(columns)] if tables else pd.DataFrame(columns=list(columns))
    )
