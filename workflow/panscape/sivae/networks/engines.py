"""Engines of gene networks side by side, and which one to believe."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.sivae.networks.centrality import BELOW, LEVEL
from panscape.sivae.networks.gene_tests import centralities_of, controls_of
from panscape.sivae.networks.power import power
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes
from panscape.sivae.networks.within import kinds_of, of_kind
from panscape.stats.ranks import centred_ranks, spearman_rows

COLUMNS = [
    "phenotype", "model", "n", "calibration", "calibration_partial", "calibrated", "agreement",
    "line_agreement", "odds_ratio", "power", "follows_depth", "called", "called_by_chance", "mean_rank",
    "believed", "reason",
]  # fmt: skip
TOLERATED = 0.07  # largest fraction of p < 0.05 under permuted phenotypes of a calibrated test
MEASURES = {  # larger is better
    "agreement": "agreement of halves",
    "line_agreement": "agreement of halves on differences between lines",
    "odds_ratio": "odds ratio of known interactions",
    "power": "power",
}


def engine_table(
    collection: Collection,
    settings: NetworkSettings,
    columns: Sequence[str],
    tables: dict[str, pd.DataFrame],
    seed: int,
) -> pd.DataFrame:
    """Return one row per phenotype and engine: how far it can be trusted on these lines.

    Parameters
    ----------
    collection
        All lines.
    settings
        Settings of the comparison.
    columns
        Columns of the phenotypes.
    tables
        ``genes``, ``tests``, ``reliability`` and, if there are known networks, ``known``.
    seed
        Seed of the simulation of power.

    Returns
    -------
    :data:`COLUMNS`: `calibration`, `calibration_partial`: mean fraction of genes with p < 0.05 under permuted
    phenotypes, without and with controls; `agreement`: median over lines of the similarity of neighbors in
    two halves (or bins) of a line; `line_agreement`: see :func:`line_agreement`; `odds_ratio`: of known
    interactions, median over lines, geometric mean over networks; `power`: see
    :func:`panscape.sivae.networks.power.power`; `follows_depth`: median over genes of |rho| of centrality
    with the lines' depth; `called` genes and their mean number under permuted phenotypes; `mean_rank`: over
    the measures in :data:`MEASURES` that are known, 1 is best; `believed`: the calibrated engine of the best
    mean rank, with the `reason`.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    values = {model: centralities_of(collection, model, settings) for model in settings.models}
    controls = {model: controls_of(collection, model) for model in settings.models}
    fixed = {
        kind: {model: _of_engine(collection, kind, model, values[model], tables) for model in settings.models}
        for kind in kinds_of(collection.lines)
    }
    parts = []
    for phenotype in phenotypes:
        rows = []
        for model in settings.models:
            tested = _tested(tables, phenotype.name, model)
            rng = seeds.stream(seed, "networks", "power", phenotype.name)  # the same plants for every engine
            strength = power(
                values[model],
                phenotype,
                controls[model],
                use=settings.controls,
                fdr=settings.fdr,
                rng=rng,
                fraction=settings.central_fraction,
            )
            labels = {"phenotype": phenotype.name, "model": model, "n": phenotype.n, "power": strength}
            rows.append(labels | tested | fixed[phenotype.within][model])
        parts.append(judged(pd.DataFrame(rows)))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Add `calibrated`, `mean_rank`, `believed` and `reason` to the engines of one phenotype.

    Engines whose tests reject more than :data:`TOLERATED` of the genes under permuted phenotypes come last,
    whatever their other measures; among the others the best mean rank wins, ties by their order. Where no
    gene was tested under permuted phenotypes, as with too few lines, no engine is believed.

    Parameters
    ----------
    table
        One row per engine, with `calibration`, `calibration_partial` and :data:`MEASURES`.
    """
    worst = table[["calibration", "calibration_partial"]].max(axis=1)
    calibrated = worst <= TOLERATED
    known = [name for name in MEASURES if table[name].notna().all()]
    ranks = table[known].rank(ascending=False).mean(axis=1) if known else pd.Series(1.0, table.index)
    order = np.lexsort((ranks.round(9), ~calibrated))
    best = table.index[order[0]] if worst.notna().any() else None
    reasons = [
        _reason(table, row, known, bool(calibrated[row]), worst[row], row == best) for row in table.index
    ]
    return table.assign(calibrated=calibrated, mean_rank=ranks, believed=table.index == best, reason=reasons)


def _reason(
    table: pd.DataFrame, row: Hashable, known: Sequence[str], calibrated: bool, worst: float, best: bool
) -> str:
    if np.isnan(worst):
        return "not calibrated: no test of genes under permuted phenotypes"
    share = f"{worst:.3f} of p < {LEVEL:g} by chance"
    if not calibrated:
        return f"not calibrated: {share}, more than {TOLERATED:g}"
    first = [MEASURES[name] for name in known if table.loc[row, name] >= table[name].max()]
    ahead = f"first in {', '.join(first)}" if first else "first in none of the measures"
    if not known:
        return f"calibrated ({share}); nothing else is known"
    return f"calibrated ({share}); {ahead}" + ("; best mean rank" if best else "")


def line_agreement(collection: Collection, model: str) -> float:
    """Return how far two halves of the cells agree on the differences of centralities between lines.

    For each gene, the correlation over lines of its centralities in one half with those in the other; the
    mean over genes that vary. Near 0, differences between lines are noise; it also counts what differs
    between the cells of lines for technical reasons, such as depth.

    Parameters
    ----------
    collection
        All lines; those without two parts are left out.
    model
        Engine.

    Returns
    -------
    Mean correlation; NaN with fewer than four lines with two parts.
    """
    pairs = []
    for at, file in enumerate(collection.files):
        names, source = collection.parts(at)
        if source == "none":
            continue
        table = file.table()
        table = table[(table["model"] == model) & table["bin"].isin(names)]
        wide = table.pivot_table(index="gene", columns="bin", values="centrality", sort=False)
        wide = wide.reindex(index=collection.genes, columns=names).fillna(0.0).to_numpy(float)
        pairs.append((wide[:, ::2].mean(axis=1), wide[:, 1::2].mean(axis=1)))
    if len(pairs) < 4:
        return float("nan")
    first, second = (centred_ranks(np.stack(side, axis=1), axis=-1) for side in zip(*pairs, strict=True))
    size = np.sqrt(np.square(first).sum(axis=1) * np.square(second).sum(axis=1))
    rho = np.divide((first * second).sum(axis=1), size, out=np.full(len(size), np.nan), where=size > 0)
    return float(np.nanmean(rho)) if np.isfinite(rho).any() else float("nan")


def _of_engine(
    collection: Collection,
    kind: str,
    model: str,
    centrality: np.ndarray,
    tables: dict[str, pd.DataFrame],
) -> dict[str, float]:
    """Return what does not depend on a phenotype, of the lines of a cell type; centralities are (G, L)."""
    inside = of_kind(collection.lines, kind)
    collection, centrality = collection.of_kind(kind), centrality[:, inside]
    reliability = tables["reliability"]
    own = reliability[(reliability["model"] == model) & (reliability["measure"] == "neighbours")]
    own = own[own["line"].isin(collection.names)]
    ratio = float("nan")
    if "known" in tables:
        known = tables["known"]
        known = known[known["line"].isin(collection.names)]
        medians = known[known["model"] == model].groupby("network")["odds_ratio"].median()
        ratio = float(np.exp(np.log(medians).mean()))
    depth = collection.lines["depth"].to_numpy(float)
    with_depth = np.abs(spearman_rows(centrality, depth))
    return {
        "agreement": float(own["within"].median()),
        "line_agreement": line_agreement(collection, model),
        "odds_ratio": ratio,
        "follows_depth": float(np.nanmedian(with_depth)) if np.isfinite(with_depth).any() else float("nan"),
    }


def _tested(tables: dict[str, pd.DataFrame], phenotype: str, model: str) -> dict[str, float]:
    """Return the results of the tests of genes."""
    tests, genes = tables["tests"], tables["genes"]
    rows = tests[(tests["part"] == "genes") & (tests["model"] == model) & (tests["phenotype"] == phenotype)]
    by = rows.dropna(subset="statistic").set_index("statistic")["null_mean"].astype(float)
    own = genes[(genes["model"] == model) & (genes["phenotype"] == phenotype)]
    return {
        "calibration": by.get(BELOW, np.nan),
        "calibration_partial": by.get(f"{BELOW}, controlled", np.nan),
        "called": int((own["call"].fillna("") == "connectivity").sum()),
        "called_by_chance": by.get("genes found, controlled", np.nan),
    }
