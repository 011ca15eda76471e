"""One verdict on genes and gene sets from all engines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = [
    "kind", "name", "library", "phenotype", "verdict", "confirmed", "believed", "engines", "n_engines", "of",
]  # fmt: skip
EVERY = "all engines"
CONFIRMED = 2  # engines that have to find a gene or set (one, where only one was used)


def verdict_table(
    genes: pd.DataFrame,
    sets: pd.DataFrame,
    engines: pd.DataFrame,
    models: Sequence[str],
    *,
    enriched: pd.DataFrame | None = None,
    fdr: float = 0.05,
) -> pd.DataFrame:
    """Return what each engine calls: what all find, what some find, what only one finds.

    Parameters
    ----------
    genes
        From :func:`panscape.sivae.networks.gene_tests.gene_tables`; called: `call` is ``connectivity``.
    sets
        From :func:`panscape.sivae.networks.effects.effect_tables`; called in the same way.
    engines
        From :func:`panscape.sivae.networks.engines.engine_table`.
    models
        Engines, in order.
    enriched
        From :func:`panscape.sivae.networks.set_tests.set_tables` (GSEA); called: see :func:`enriched_calls`.
    fdr
        False discovery rate of enriched sets.

    Returns
    -------
    :data:`COLUMNS`, then ``rho_<engine>`` and ``fdr_<engine>`` of the test with controls (for enriched sets
    their normalised enrichment score): genes, sets and enriched sets that at least one engine calls,
    confirmed ones first (those of at least two engines), of these the ones that the engine to believe calls.
    """
    believed = dict(engines.loc[engines["believed"], ["phenotype", "model"]].to_numpy())
    parts = [
        _verdicts(table.rename(columns={kind: "name"}).assign(kind=kind), believed, models)
        for kind, table in (
            ("gene", genes.assign(library="")),
            ("set", sets),
            ("enrichment", pd.DataFrame() if enriched is None else enriched_calls(enriched, fdr)),
        )
        if len(table)
    ]
    columns = [*COLUMNS, *(f"{what}_{model}" for model in models for what in ("rho", "fdr"))]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def enriched_calls(sets: pd.DataFrame, fdr: float) -> pd.DataFrame:
    """Return one row per set of GSEA, engine and phenotype, called where both of its rankings agree.

    A set is called if, with and without controls and in the same direction, its false discovery rate and
    its p-value of permuted labels are below `fdr`: the first treats genes as independent, the second does
    not.

    Parameters
    ----------
    sets
        From :func:`panscape.sivae.networks.set_tests.set_tables`.
    fdr
        Level.

    Returns
    -------
    enrichment (the term), library, phenotype, model, rho_partial (the enrichment score of the ranking with
    controls), fdr_partial, call.
    """
    key = ["term", "library", "phenotype", "model"]
    low = (sets[["fdr", "pvalue_labels"]].max(axis=1, skipna=False) < fdr) & sets["nes"].notna()
    table = sets.assign(side=np.where(low, np.sign(sets["nes"]), 0.0))
    raw, given = (table[table["ranking"] == name].set_index(key) for name in ("raw", "controlled"))
    same = (given["side"] != 0) & (given["side"] == raw["side"].reindex(given.index))
    given = given.assign(call=np.where(same, "connectivity", "")).reset_index()
    names = {"term": "enrichment", "nes": "rho_partial", "fdr": "fdr_partial"}
    return given.rename(columns=names)[[names.get(name, name) for name in (*key, "nes", "fdr", "call")]]


def _verdicts(table: pd.DataFrame, believed: dict[str, str], models: Sequence[str]) -> pd.DataFrame:
    """Return the verdicts on the rows of one kind, with one row per name, library and phenotype."""
    key = ["kind", "name", "library", "phenotype"]
    table = table.assign(
        called=table["call"].fillna("") == "connectivity", library=table["library"].fillna("")
    )
    wide = {
        what: table.pivot_table(index=key, columns="model", values=column, aggfunc="first", sort=False)
        for what, column in (("called", "called"), ("rho", "rho_partial"), ("fdr", "fdr_partial"))
    }
    called = wide["called"].reindex(columns=list(models)).eq(True)
    called = called[called.any(axis=1)]
    if called.empty:
        return pd.DataFrame(columns=COLUMNS)
    tested = table.groupby("phenotype")["model"].agg(lambda names: names.nunique())
    result = called.index.to_frame(index=False)
    lists = [[model for model, hit in zip(models, row, strict=True) if hit] for row in called.to_numpy()]
    result["engines"], result["n_engines"] = [",".join(one) for one in lists], [len(one) for one in lists]
    result["of"] = result["phenotype"].map(tested)
    result["believed"] = [
        believed.get(name, "") in one for name, one in zip(result["phenotype"], lists, strict=True)
    ]
    only = [f"only {one[0]}" if len(one) == 1 else "some engines" for one in lists]
    result["confirmed"] = result["n_engines"] >= result["of"].clip(upper=CONFIRMED)
    result["verdict"] = np.where((result["n_engines"] == result["of"]) & (result["of"] > 1), EVERY, only)
    for model in models:
        for what in ("rho", "fdr"):
            column = wide[what].reindex(index=called.index, columns=[model])[model]
            result[f"{what}_{model}"] = column.to_numpy(float)
    best = result[[f"fdr_{model}" for model in models]].min(axis=1)
    order = result.assign(_best=best).sort_values(
        ["phenotype", "confirmed", "believed", "n_engines", "_best", "name"],
        ascending=[True, False, False, False, True, True],
        kind="stable",
    )
    return order.drop(columns="_best")
