"""Association of genes with phenotypes, for all models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.log import logger
from panscape.sivae.networks import centrality as centrality_module
from panscape.sivae.networks.confounding import confounding_rows
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import design_row, read_phenotypes, skip, tests_table, undecidable


def controls_of(collection: Collection, model: str) -> dict[str, np.ndarray]:
    """Return the potential confounders of centrality: mean expression, detection, depth, number of cells."""
    return {
        "mean": collection.centralities(model, "mean"),
        "detection": collection.centralities(model, "detection"),
        "depth": collection.lines["depth"].to_numpy(float),
        "n_cells": collection.lines["n_cells"].to_numpy(float),
    }


def centralities_of(collection: Collection, model: str, settings: NetworkSettings) -> np.ndarray:
    """Return the genes' centralities in all lines, of all cells or of held-out ones as set.

    Parameters
    ----------
    collection
        All lines.
    model
        Engine of the networks: ``"sivae"``, ``"pca"``, ``"pearson"``, ``"corrected"`` or
        ``"proportionality"``.
    settings
        Settings of the comparison; `centrality` is ``"all"`` or ``"heldout"``, which makes no difference to
        correlations.

    Returns
    -------
    float64 (G, L), genes x lines: mean over a line's whole bins, 0 for genes that are constant in the line.
    """
    column = "centrality_heldout" if settings.centrality == "heldout" else "centrality"
    return collection.centralities(model, column)


def gene_tables(
    collection: Collection,
    settings: NetworkSettings,
    columns: Sequence[str],
    seed: int,
    *,
    kept: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test every gene of every model against every phenotype.

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
    kept
        See :func:`panscape.sivae.networks.confounding.confounding_rows`.

    Returns
    -------
    genes
        Columns of :data:`panscape.sivae.networks.centrality.COLUMNS`, ordered by phenotype, model and p.
    tests
        Number of significant genes and its null distribution, and the tests that were skipped.
    """
    phenotypes, skipped = read_phenotypes(collection.lines, columns, settings)
    tables, rows = [], [row | {"part": "genes"} for row in skipped.to_dict("records")]
    rows += [design_row(phenotype) for phenotype in phenotypes]
    warned = confounding_rows(collection.lines, phenotypes, controls=settings.controls, kept=kept)
    for row in warned:
        logger.warning("%s", row["status"])
    rows += warned
    for model in settings.models:
        centrality = centralities_of(collection, model, settings)
        controls = controls_of(collection, model)
        for phenotype in phenotypes:
            table, null = centrality_module.associate_genes(
                centrality,
                phenotype,
                controls,
                collection.genes,
                use=settings.controls,
                permutations=settings.permutations,
                rng=seeds.stream(seed, "networks", "genes", model, phenotype.name),
                fdr=settings.fdr,
                fraction=settings.central_fraction,
            )
            tables.append(table.assign(model=model).sort_values(["pvalue", "gene"], kind="stable"))
            reason = undecidable(phenotype, settings.fdr)
            if reason:
                rows.append(skip("genes", phenotype.name, reason, model=model, n=phenotype.n))
            else:
                rows += null.assign(part="genes", model=model).to_dict("records")
    empty = pd.DataFrame(columns=centrality_module.COLUMNS)
    genes = pd.concat(tables, ignore_index=True)[centrality_module.COLUMNS] if tables else empty
    return genes, tests_table(rows)
