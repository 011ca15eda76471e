"""Association of edges and edge counts of gene sets with phenotypes, for all models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.log import logger
from panscape.sivae.networks.edge_groups import GROUP_COLUMNS, group_edges
from panscape.sivae.networks.edge_table import edge_table
from panscape.sivae.networks.edges import EDGE_COLUMNS, SET_COLUMNS, associate_edges, associate_sets
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.set_tests import NO_MITO, library_sets
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes, skip, tests_table, undecidable
from panscape.stats import gsea


def edge_tables(
    collection: Collection, settings: NetworkSettings, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Test the edges inside and between the chosen gene sets, and list the edges of groups.

    Parameters
    ----------
    collection
        All lines.
    settings
        Settings of the comparison.
    columns
        Columns of the phenotypes.
    seed Seed of the permutations.

    Returns
    -------
    edges, sets, groups
        Columns of :data:`EDGE_COLUMNS`, :data:`SET_COLUMNS` and :data:`GROUP_COLUMNS`.
    tests
        Null distributions, and the tests that were skipped.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    chosen, rows = edge_sets(collection.genes, settings)
    kinds = {
        "edges": EDGE_COLUMNS,
        "sets": SET_COLUMNS,
        "groups": GROUP_COLUMNS,
    }
    tables: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    for model in settings.models if phenotypes else ():
        table = edge_table(collection.graphs(model), collection.genes)
        means = collection.centralities(model, "mean")
        for phenotype in phenotypes:
            rng = seeds.stream(seed, "networks", "edges", model, phenotype.name)
            if chosen:
                edges = associate_edges(
                    table, chosen, phenotype, presence=settings.edge_presence, means=means
                )
                tables["edges"].append(edges.assign(model=model))
                if edges.empty:
                    reason = "no edge inside or between the sets is in enough lines, and missing in enough"
                    rows.append(skip("edges", phenotype.name, reason, model=model, n=phenotype.n))
                elif reason := undecidable(phenotype, settings.fdr):
                    rows.append(skip("edges", phenotype.name, reason, model=model, n=phenotype.n))
                sets = associate_sets(
                    table, chosen, phenotype, permutations=settings.permutations, rng=rng, means=means
                )
                tables["sets"].append(sets.assign(model=model))
            if phenotype.kind == "groups":
                groups, null = group_edges(
                    table,
                    phenotype,
                    min_fraction=settings.group_fraction,
                    permutations=min(settings.permutations, 200),
                    rng=rng,
                )
                tables["groups"].append(groups.assign(model=model))
                rows.append(null | {"part": "edges of groups", "model": model})
    results = [
        pd.concat(parts, ignore_index=True)[kinds[kind]] if parts else pd.DataFrame(columns=kinds[kind])
        for kind, parts in tables.items()
    ]
    return results[0], results[1], results[2], tests_table(rows)


def edge_sets(
    genes: Sequence[str] | np.ndarray, settings: NetworkSettings
) -> tuple[dict[str, list[str]], list[dict]]:
    """Return the gene sets whose edges are tested (analysed genes only), and rows for missing sets.

    Without `edge_sets` the mitochondrial genes are tested, if analysed.
    """
    known: dict[str, list[str]] = {}
    for sets in library_sets(settings.gene_sets, genes, settings.mito_set).values():
        known |= {term: members for term, members in sets.items() if term not in known}
    wanted = settings.edge_sets or tuple(name for name in (gsea.MITO,) if name in known)
    here, chosen, rows = set(genes), {}, []
    if not wanted:
        rows.append(skip("edges", "", f"networks.edge_sets names no set and {NO_MITO}"))
    for name in wanted:
        members = [gene for gene in known.get(name, ()) if gene in here]
        if len(members) < 2:
            reason = (
                f"{len(members)} genes of the set {name} are analysed" if name in known else f"no set {name}"
            )
            logger.warning("networks.edge_sets: %s", reason)
            rows.append(skip(f"edges of {name}", "", reason))
        else:
            chosen[name] = members
    return chosen, rows
