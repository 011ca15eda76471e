"""Names of entries: their best gene set and top genes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.coscape.dictionary.enrich import overrepresented_sets
from panscape.data.gene_sets import GeneSets

FDR = 0.05
COLUMNS = ["name", "library", "name_overlap", "name_fdr"]


def name_entries(placed: pd.DataFrame, names: Sequence[str], libraries: Sequence[GeneSets]) -> pd.DataFrame:
    """Name every entry after the gene set that its genes are most enriched for.

    The genes that are placed in the entry with a positive correlation are tested; the name is the set of
    smallest p among those with a false discovery rate (within the library) of at most .05. Entries without
    one have no name and are known by their top genes.

    Parameters
    ----------
    placed
        gene, entry, kme of :func:`panscape.coscape.dictionary.membership.place_genes`.
    names
        K entries.
    libraries
        Gene sets of the analysed genes, see :func:`panscape.data.gene_sets.restrict`.

    Returns
    -------
    entry, name and library ("" without), name_overlap (genes of the set in the entry), name_fdr.
    """
    rows = []
    for entry in names:
        mine = placed.loc[(placed["entry"] == entry) & (placed["kme"] > 0), "gene"]
        best = {"entry": entry, "name": "", "library": "", "name_overlap": 0, "name_fdr": np.nan}
        least = np.inf
        for sets in libraries:
            table = overrepresented_sets(mine, sets).sort_values(["pvalue", "size"], kind="stable")
            if len(table) and table["fdr"].iloc[0] <= FDR and table["pvalue"].iloc[0] < least:
                first = table.iloc[0]
                least = first["pvalue"]
                best |= {"name": first["term"], "library": sets.library}
                best |= {"name_overlap": int(first["overlap"]), "name_fdr": float(first["fdr"])}
        rows.append(best)
    return pd.DataFrame(rows)
