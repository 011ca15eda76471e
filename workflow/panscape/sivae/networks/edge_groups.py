"""Edges that are characteristic of one group of lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.sivae.networks.centrality import null_row
from panscape.sivae.networks.edge_table import EdgeTable
from panscape.sivae.networks.phenotype import Phenotype

GROUP_COLUMNS = ["gene_a", "gene_b", "phenotype", "model", "group", "share", "share_others", "only_here"]


def group_edges(
    table: EdgeTable,
    phenotype: Phenotype,
    *,
    min_fraction: float = 0.2,
    permutations: int = 100,
    rng: np.random.Generator | None = None,
) -> tuple[pd.DataFrame, dict]:
    """List the edges that occur in at least a fraction `min_fraction` of a group's lines.

    Parameters
    ----------
    table
        Edges of all lines.
    phenotype
        Phenotype of the lines, with groups.
    min_fraction
        Minimum fraction of a group's lines (of its donors, if the phenotype is one of donors) that have a
        listed edge, in (0, 1].
    permutations
        Number of permutations of the phenotype.
    rng
        Random number generator of the permutations.

    Returns
    -------
    edges
        Columns of :data:`GROUP_COLUMNS` without `model`; `share_others`: fraction of the lines of other
        groups with the edge; `only_here`: whether that is below `min_fraction`.
    null
        The number of edges specific to one group, with its null distribution under permuted groups.
    """
    rng = rng or np.random.default_rng(0)
    present = sparse.csr_matrix(phenotype.weights @ table.present)
    total = np.asarray(present.sum(axis=0)).ravel()
    parts = []
    for code, group in enumerate(phenotype.groups):
        inside = phenotype.values == code
        inside_fraction, others = _group_shares(present, total, inside)
        chosen = np.flatnonzero(inside_fraction >= min_fraction)
        parts.append(
            pd.DataFrame(
                {
                    "gene_a": table.genes[table.first[chosen]],
                    "gene_b": table.genes[table.second[chosen]],
                    "phenotype": phenotype.name,
                    "group": group,
                    "share": inside_fraction[chosen],
                    "share_others": others[chosen],
                    "only_here": others[chosen] < min_fraction,
                }
            )
        )
    result = pd.concat(parts, ignore_index=True)[[name for name in GROUP_COLUMNS if name != "model"]]
    null = np.array(
        [
            _one_group_only(present, total, values, min_fraction)
            for values in phenotype.shuffled(permutations, rng)
        ]
    )
    row = null_row("edges of one group only", int(result["only_here"].sum()), null)
    return result, row | {"phenotype": phenotype.name, "n": phenotype.n}


def _group_shares(present, total: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside_fraction = inside.astype(float) @ present
    return inside_fraction / inside.sum(), (total - inside_fraction) / max((~inside).sum(), 1)


def _one_group_only(present, total: np.ndarray, values: np.ndarray, min_fraction: float) -> int:
    count = 0
    for code in np.unique(values):
        inside_fraction, others = _group_shares(present, total, values == code)
        count += int(((inside_fraction >= min_fraction) & (others < min_fraction)).sum())
    return count
