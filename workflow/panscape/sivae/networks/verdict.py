"""One verdict on genes and gene sets from all engines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = ["kind", "name", "library", "phenotype", "verdict", "believed", "engines", "n_engines", "of"]
EVERY = "all engines"


def verdict_table(
    genes: pd.DataFrame, sets: pd.DataFrame, engines: pd.DataFrame, models: Sequence[str]
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

    Returns
    -------
    :data:`COLUMNS`, then ``rho_<engine>`` and ``fdr_<engine>`` of the test with controls: genes and sets that
    at least one engine calls, those that the engine to believe calls first, then those of more engines.
    """
    believed = dict(engines.loc[engines["believed"], ["phenotype", "model"]].to_numpy())
    parts = [
        _verdicts(table.rename(columns={kind: "name"}).assign(kind=kind), believed, models)
        for kind, table in (("gene", genes.assign(library="")), ("set", sets))
        if len(table)
    ]
    columns = [*COLUMNS, *(f"{what}_{model}" for model in models for what in ("rho", "fdr"))]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


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
    called = wide["called"].reindex(columns=list(models)).fillna(False).astype(bool)
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
    result["verdict"] = np.where((result["n_engines"] == result["of"]) & (result["of"] > 1), EVERY, only)
    for model in models:
        for what in ("rho", "fdr"):
            column = wide[what].reindex(index=called.index, columns=[model])[model]
            result[f"{what}_{model}"] = column.to_numpy(float)
    best = result[[f"fdr_{model}" for model in models]].min(axis=1)
    order = result.assign(_best=best).sort_values(
        ["phenotype", "believed", "n_engines", "_best", "name"],
        ascending=[True, False, False, True, True],
        kind="stable",
    )
    return order.drop(columns="_best")
