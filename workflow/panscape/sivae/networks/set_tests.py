"""Gene set enrichment of the associated genes, for all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.data.gene_sets import MITOCHONDRIAL, named_paths, read_gene_sets
from panscape.sivae.networks.gene_tests import centralities_of, controls_of
from panscape.sivae.networks.null import adjusted_for, enumerated, null, observed
from panscape.sivae.networks.phenotype import Phenotype
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes, skip, tests_table
from panscape.stats import gsea

NO_MITO = "no gene analysed starts with MT- (see preprocess.exclude_genes)"
LABELLINGS = 1000  # maximum number of label permutations for gene sets; all labellings if there are fewer
RANKINGS = {"raw": "rho", "controlled": "rho_partial"}


def library_sets(
    paths: Sequence[str | Mapping[str, str | None]], genes: Sequence[str] | np.ndarray, mito: bool
) -> dict[str, dict[str, list[str]]]:
    """Return library -> term -> genes; mitochondrial genes are a separate library.

    Parameters
    ----------
    paths
        GMT files, as in :func:`panscape.data.gene_sets.named_paths`.
    genes
        Names of the genes.
    mito
        Whether to add the mitochondrial genes as a library.
    """
    named = named_paths(paths).items()
    libraries = {name: read_gene_sets(path) for name, path in named}
    mito_sets = gsea.mito_set(list(genes)) if mito else {}
    return libraries | ({MITOCHONDRIAL: mito_sets} if mito_sets else {})


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
        Columns of :data:`panscape.stats.gsea.COLUMNS`.
    tests
        Tests that were skipped, with reasons.
    """
    phenotypes, _ = read_phenotypes(collection.lines, columns, settings)
    libraries = library_sets(settings.gene_sets, collection.genes, settings.mito_set)
    tables, rows = [], []
    if not libraries:
        rows.append(skip("gene sets", "", f"networks.gene_sets names no file and {NO_MITO}"))
    for model in settings.models if libraries else ():
        centrality = centralities_of(collection, model, settings)
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
    """Return the rankings of all genes under observed and permuted labels."""
    names = [name for name in settings.controls if name in controls and ranking != "raw"]
    given = [phenotype.of_units(controls[name]) for name in names]
    rng = seeds.stream(seed, "networks", "gsea", "labels", phenotype.name)
    test = adjusted_for(phenotype, phenotype.of_units(centrality), given, names)
    count = min(settings.permutations, LABELLINGS)
    others = null(test, phenotype, count, rng).T
    scores = np.vstack([observed(test, phenotype), others])
    scores = np.abs(scores) if settings.ranking == "absolute" else scores
    return gsea.Rankings(scores[0], scores[1:], exact=enumerated(test, phenotype, count))


def _undecided(
    table: pd.DataFrame, library: str, phenotype: Phenotype, model: str, level: float
) -> list[dict]:
    """Return rows for the sets whose smallest attainable p under permuted labels exceeds `level`."""
    smallest = table["pvalue_labels_min"].dropna()
    count = int((smallest > level).sum())
    if not count:
        return []
    reason = (
        f"permuted labels cannot decide about {count} of {len(smallest)} sets: {phenotype.n} lines can be "
        f"labelled in {phenotype.arrangements} ways, which give no p below {smallest.min():.2g}"
    )
    return [skip(f"gene sets {library}", phenotype.name, reason, model=model, n=phenotype.n)]


def figure_genes(
    genes: pd.DataFrame,
    sets: pd.DataFrame,
    libraries: Mapping[str, Mapping[str, Sequence[str]]],
    chosen: str | None,
) -> tuple[str, list[str]]:
    """Return the genes to draw: the chosen set, the best set of GSEA, or the best genes.

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
    Title and genes (empty if there is nothing to draw).
    """
    known = {term: list(members) for group in libraries.values() for term, members in group.items()}
    if chosen is not None:
        return chosen, known.get(chosen, [])
    best = sets[(sets["model"] == "sivae") & (sets["ranking"] == "controlled")].sort_values(["pvalue", "fdr"])
    if len(best):
        return str(best["term"].iloc[0]), known[best["term"].iloc[0]]
    selected = genes[genes["model"] == "sivae"].sort_values("pvalue")
    return "genes of smallest p", list(dict.fromkeys(selected["gene"]))[:20]
