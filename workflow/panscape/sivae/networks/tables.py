"""Tables of genes, gene sets, edges and known interactions of all models, as the workflow writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.data.gene_sets import read_gene_sets
from panscape.log import logger
from panscape.sivae.networks import centrality as centrality_module
from panscape.sivae.networks import edges as edges_module
from panscape.sivae.networks.known import enrichment_of_edges
from panscape.sivae.networks.phenotype import Phenotype
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.run import read_phenotypes, skip, tests_table, undecidable
from panscape.sivae.networks.settings import NetworkSettings
from panscape.stats import gsea
from panscape.stats.rank_tests import Controlled
from panscape.stats.ranks import spearman_rows

if TYPE_CHECKING:
    from panscape.data.edge_lists import Network

LABELLINGS = 1000  # labels permuted at most for gene sets; fewer labellings are all tried
RANKINGS = {"raw": "rho", "controlled": "rho_partial"}
NO_MITO = "no gene analysed starts with MT- (see preprocess.exclude_genes)"
MANY = "more than two groups: genes and edges are tested for numbers and for two groups"


def controls_of(collection: Collection, model: str) -> dict[str, np.ndarray]:
    """Return what centrality may hang on: mean expression and detection, depth and cells of lines."""
    return {
        "mean": collection.centralities(model, "mean"),
        "detection": collection.centralities(model, "detection"),
        "depth": collection.lines["depth"].to_numpy(float),
        "n_cells": collection.lines["n_cells"].to_numpy(float),
    }


def _centralities(collection: Collection, model: str, settings: NetworkSettings) -> np.ndarray:
    column = "centrality_heldout" if settings.centrality == "heldout" else "centrality"
    return collection.centralities(model, column)


def gene_tables(
    collection: Collection, settings: NetworkSettings, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test every gene of every model against every phenotype.

    Parameters
    ----------
    collection
        All lines.
    settings
        Of the comparison.
    columns
        Columns of the phenotypes.
    seed
        Seed of the permutations.

    Returns
    -------
    genes
        Columns of ``_centrality.COLUMNS``; by phenotype, model and p.
    tests
        Numbers of genes found beside their null, and what was skipped.
    """
    phenotypes, skipped = read_phenotypes(collection.lines, columns, settings)
    tables, rows = [], [row | {"part": "genes"} for row in skipped.to_dict("records")]
    for model in settings.models:
        centrality = _centralities(collection, model, settings)
        controls = controls_of(collection, model)
        for phenotype in phenotypes:
            if not phenotype.testable:
                rows.append(skip("genes", phenotype.name, MANY, model=model, n=phenotype.n))
                continue
            table, null = centrality_module.associate_genes(
                centrality,
                phenotype,
                controls,
                collection.genes,
                use=settings.controls,
                permutations=settings.permutations,
                rng=seeds.stream(seed, "networks", "genes", model, phenotype.name),
                fdr=settings.fdr,
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


def library_sets(
    paths: Sequence[str], genes: Sequence[str] | np.ndarray, mito: bool
) -> dict[str, dict[str, list[str]]]:
    """Return library (name of its file) -> term -> genes; mitochondrial genes are a separate library.

    Parameters
    ----------
    paths
        GMT files.
    genes
        Names of the genes.
    mito
        Whether to add the mitochondrial genes as a library.
    """
    libraries = {Path(path).stem: read_gene_sets(path) for path in paths}
    mito_sets = gsea.mito_set(list(genes)) if mito else {}
    return libraries | ({"mitochondrial": mito_sets} if mito_sets else {})


def set_tables(
    collection: Collection, genes: pd.DataFrame, settings: NetworkSettings, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run GSEA on the genes' associations, without and with controls.

    Parameters
    ----------
    genes
        From :func:`gene_tables`.

    Returns
    -------
    sets
        Columns of ``_gsea.COLUMNS``.
    tests
        What was skipped and why.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    libraries = library_sets(settings.gene_sets, collection.genes, settings.mito_set)
    tables, rows = [], []
    if not libraries:
        rows.append(skip("gene sets", "", f"networks.gene_sets names no file and {NO_MITO}"))
    for model in settings.models if libraries else ():
        centrality = _centralities(collection, model, settings)
        controls = controls_of(collection, model)
        for phenotype in phenotypes:
            selected = genes[(genes["model"] == model) & (genes["phenotype"] == phenotype.name)]
            if selected.empty:
                continue
            for ranking, column in RANKINGS.items():
                values = selected.set_index("gene")[column].reindex(collection.genes)
                values = values.abs() if settings.ranking == "absolute" else values
                under = _rankings(centrality, controls, phenotype, settings, ranking, seed)
                for library, sets in libraries.items():
                    table, reason = gsea.prerank(
                        values,
                        sets,
                        library=library,
                        min_size=settings.gsea_sizes[0],
                        max_size=settings.gsea_sizes[1],
                        permutations=settings.gsea_permutations,
                        seed=seeds.derive(seed, "networks", "gsea", model, phenotype.name, ranking, library),
                        rankings=under,
                    )
                    if reason:
                        rows.append(skip(f"gene sets {library}", phenotype.name, reason, model=model))
                    else:
                        labels = {
                            "phenotype": phenotype.name,
                            "model": model,
                            "ranking": ranking,
                            "n": phenotype.n,
                        }
                        tables.append(table.assign(**labels))
                        rows += _undecided(table, library, phenotype, model, settings.fdr)
    empty = pd.DataFrame(columns=gsea.COLUMNS)
    result = pd.concat(tables, ignore_index=True)[gsea.COLUMNS] if tables else empty
    return result, tests_table(rows)


def _rankings(
    centrality, controls, phenotype: Phenotype, settings: NetworkSettings, ranking: str, seed: int
) -> gsea.Rankings:
    """Return the rankings of all genes under the observed labels and under others."""
    known = phenotype.known
    known_controls = {name: np.asarray(value)[..., known] for name, value in controls.items()}
    names = [name for name in settings.controls if name in known_controls]
    rng = seeds.stream(seed, "networks", "gsea", "labels", phenotype.name)
    others = phenotype.shuffled(min(settings.permutations, LABELLINGS), rng)
    labels, x = np.vstack([phenotype.values[None, :], others]), centrality[:, known]
    if ranking == "raw":
        scores = spearman_rows(x, labels).T
    else:
        scores = Controlled(x, [known_controls[name] for name in names], names).rho(labels).T
    scores = np.abs(scores) if settings.ranking == "absolute" else scores
    return gsea.Rankings(scores[0], scores[1:], exact=len(others) == phenotype.arrangements - 1)


def _undecided(
    table: pd.DataFrame, library: str, phenotype: Phenotype, model: str, level: float
) -> list[dict]:
    """Return what to say of sets for which no labelling of the lines can give a p as small as `level`."""
    smallest = table["pvalue_labels_min"].dropna()
    count = int((smallest > level).sum())
    if not count:
        return []
    reason = (
        f"permuted labels cannot decide about {count} of {len(smallest)} sets: {phenotype.n} lines can be "
        f"labelled in {phenotype.arrangements} ways, which give no p below {smallest.min():.2g}"
    )
    return [skip(f"gene sets {library}", phenotype.name, reason, model=model, n=phenotype.n)]


def edge_tables(
    collection: Collection, settings: NetworkSettings, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Test the edges inside and between the chosen gene sets, and list the edges of groups.

    Parameters
    ----------
    collection
        All lines.
    settings
        Of the comparison.
    columns
        Columns of the phenotypes.
    seed
        Seed of the permutations.

    Returns
    -------
    edges, sets, groups
        Columns of ``_edges.EDGE_COLUMNS``, ``SET_COLUMNS`` and ``GROUP_COLUMNS``.
    tests
        Nulls, and what was skipped.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    chosen, rows = edge_sets(collection.genes, settings)
    kinds = {
        "edges": edges_module.EDGE_COLUMNS,
        "sets": edges_module.SET_COLUMNS,
        "groups": edges_module.GROUP_COLUMNS,
    }
    tables: dict[str, list[pd.DataFrame]] = {kind: [] for kind in kinds}
    for model in settings.models if phenotypes else ():
        table = edges_module.edge_table(collection.graphs(model), collection.genes)
        means = collection.centralities(model, "mean")
        for phenotype in phenotypes:
            rng = seeds.stream(seed, "networks", "edges", model, phenotype.name)
            if phenotype.testable and chosen:
                edges = edges_module.associate_edges(
                    table, chosen, phenotype, presence=settings.edge_presence, means=means
                )
                tables["edges"].append(edges.assign(model=model))
                if edges.empty:
                    reason = "no edge inside or between the sets is in enough lines, and missing in enough"
                    rows.append(skip("edges", phenotype.name, reason, model=model, n=phenotype.n))
                elif reason := undecidable(phenotype, settings.fdr):
                    rows.append(skip("edges", phenotype.name, reason, model=model, n=phenotype.n))
                sets = edges_module.associate_sets(
                    table, chosen, phenotype, permutations=settings.permutations, rng=rng, means=means
                )
                tables["sets"].append(sets.assign(model=model))
            if phenotype.kind == "groups":
                groups, null = edges_module.group_edges(
                    table,
                    phenotype,
                    share=settings.group_fraction,
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
    """Return the sets whose edges are tested, with their genes among those analysed, and what is missing.

    Without `edge_sets` these are the mitochondrial genes, where there are any.
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


def known_table(collection: Collection, models: Sequence[str], networks: Sequence[Network]) -> pd.DataFrame:
    """Return the odds ratio of known interactions among the edges of each line's bins.

    Columns: line, bin, model, network, then those of :func:`enrichment_of_edges`.

    Parameters
    ----------
    collection
        All lines.
    models
        Names of the models.
    networks
        Known interactions.
    """
    rows = []
    for at, file in enumerate(collection.files):
        for model in models:
            bins = collection.whole(at)
            for name, graph in zip(bins, file.graphs(model, bins), strict=True):
                for network in networks:
                    labels = {"line": file.name, "bin": name, "model": model, "network": network.name}
                    rows.append(labels | enrichment_of_edges(graph, collection.genes, network))
    return pd.DataFrame(rows)


def figure_genes(
    genes: pd.DataFrame,
    sets: pd.DataFrame,
    libraries: Mapping[str, Mapping[str, Sequence[str]]],
    chosen: str | None,
) -> tuple[str, list[str]]:
    """Return the set whose network is drawn: the chosen one, the best set of GSEA, or the best genes.

    Parameters
    ----------
    genes
        Table of the genes' associations.
    sets
        Table of GSEA.
    libraries
        Library -> term -> genes.
    chosen
        Name of a gene set; None takes the best one.

    Returns
    -------
    Its title and genes (empty where nothing is to be drawn).
    """
    known = {term: list(members) for group in libraries.values() for term, members in group.items()}
    if chosen is not None:
        return chosen, known.get(chosen, [])
    best = sets[(sets["model"] == "sivae") & (sets["ranking"] == "controlled")].sort_values(["pvalue", "fdr"])
    if len(best):
        return str(best["term"].iloc[0]), known[best["term"].iloc[0]]
    selected = genes[genes["model"] == "sivae"].sort_values("pvalue")
    return "genes of smallest p", list(dict.fromkeys(selected["gene"]))[:20]
