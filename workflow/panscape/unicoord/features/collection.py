"""Gene sets of a collection: chosen on a sample of its cells, then scored in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.data.counts import Counts
from panscape.data.gene_sets import GeneSets, named_paths, read_gene_sets, restrict
from panscape.errors import fail
from panscape.log import Progress, logger
from panscape.stats.aucell import aucell, top_count, weight_blocks
from panscape.unicoord.features.assess import assess_sets
from panscape.unicoord.features.cells import labelled, unit_of
from panscape.unicoord.features.choose import CLASS_COLUMNS, choose
from panscape.unicoord.features.settings import FeatureSettings

if TYPE_CHECKING:
    from anndata import AnnData

FEW_TOP_GENES = 100
SHARED = ("cell_type", "batch", "line", "platform", "age")


@dataclass(frozen=True)
class Chosen:
    """Features chosen for a collection.

    Attributes
    ----------
    table
        One row per gene set; see :func:`panscape.unicoord.features.choose.choose`.
    classes
        One row per gene set and class: term, class, n_cells, units, auroc, auroc_null, auroc_lowest, pvalue,
        fdr; sorted by class and p-value. Empty without classes.
    statistics
        statistic, value, null: gene sets tested, passed and chosen, classes, units, accuracy of the forest.
    correlation
        Pearson correlations of the `top` sets' scores, rows and columns named and ordered by group.
    """

    table: pd.DataFrame
    classes: pd.DataFrame
    statistics: pd.DataFrame
    correlation: pd.DataFrame


def shared_genes(counts: Mapping[str, Counts]) -> list[str]:
    """Return the genes that all studies measure, in alphabetical order.

    Raises
    ------
    UserError
        If the studies share none.
    """
    common = set.intersection(*(set(study.genes) for study in counts.values()))
    if not common:
        problem = f"the studies {', '.join(counts)} share no gene"
        raise fail("studies[].genes", problem, "give all studies gene symbols of one species", few=True)
    total = len(set().union(*(study.genes for study in counts.values())))
    if len(common) < total:  # ranks are comparable between cells only over the same genes
        logger.info("%s of %s genes are measured in all studies; others are not used", len(common), total)
    return sorted(common)


def read_libraries(
    paths: Sequence[str | Path | Mapping[str, str | None]], genes: Sequence[str], sizes: tuple[int, int]
) -> GeneSets:
    """Read the sets of a range of sizes from GMT files; see `restrict`.

    A term in several files is called ``<term> (<file>)`` from the second file on.

    Parameters
    ----------
    paths
        GMT files, as in :func:`panscape.data.gene_sets.named_paths`.
    genes
        The genes analysed.
    sizes
        Minimum and maximum number of these genes in a set.

    Raises
    ------
    UserError
        If no set is left.
    """
    terms: list[str] = []
    members, libraries = [], []
    for name, path in named_paths(paths).items():
        sets = restrict(read_gene_sets(path), genes, library=name, min_size=sizes[0], max_size=sizes[1])
        known = set(terms)
        terms += [f"{term} ({name})" if term in known else term for term in sets.terms]
        libraries += [name] * len(sets.terms)
        members.append(sets.member)
    if not terms:
        problem = f"no set of {', '.join(map(str, paths)) or 'any file'} has {sizes[0]} to {sizes[1]} genes"
        raise fail("features.gene_sets", problem, "lower features.set_sizes, or give other gene sets")
    joined = sparse.vstack(members, format="csr")
    return GeneSets(
        np.asarray(libraries, dtype=object),
        np.asarray(terms, dtype=object),
        np.asarray(genes, dtype=object),
        joined,
    )


def choose_features(
    counts: Mapping[str, str | Path],
    gene_sets: Sequence[str | Path | Mapping[str, str | None]],
    settings: FeatureSettings | Mapping,
    *,
    seed: int,
    threads: int = 1,
) -> Chosen:
    """Choose gene sets whose scores separate classes (or vary over cells) and differ from each other.

    Parameters
    ----------
    counts
        Study -> file of counts.
    gene_sets
        GMT files.
    settings
        See :class:`panscape.unicoord.features.settings.FeatureSettings`.
    seed, threads
        The result does not depend on `threads`.
    """
    settings = FeatureSettings.of(settings)
    opened = {study: Counts(path) for study, path in counts.items()}
    sets = read_libraries(gene_sets, shared_genes(opened), settings.set_sizes)
    sampled, obs = sample_cells(opened, sets.genes, settings.max_cells, seed)
    units = unit_of(obs, settings.unit)
    labels, classes = labelled(obs, units, settings)
    n_up = top_count(len(sets.genes), settings.top_fraction)
    if n_up < FEW_TOP_GENES:
        logger.warning(
            "only %s of %s genes count as a cell's top genes, so scores depend on one or two genes of a set: "
            "raise features.top_fraction",
            n_up,
            len(sets.genes),
        )
    weights = sparse.vstack([block for _, block in weight_blocks(sampled, n_up, settings.ties)], format="csr")
    logger.info("%s sets, %s genes, %s cells", len(sets.terms), len(sets.genes), len(obs))
    assessed = assess_sets(
        weights,
        sets.member,
        n_up,
        seeds.stream(seed, "features", "null"),
        detection=np.asarray((sampled > 0).mean(axis=0)).ravel(),
        classes=classes,
        settings=settings,
    )
    table = assessed.table.assign(term=sets.terms, library=sets.library)
    result, fitted = choose(table, assessed.scores, labels, settings, units=units, seed=seed, threads=threads)
    return Chosen(
        result,
        _named(assessed.classes, sets.terms),
        _statistics(result, fitted, classes, settings),
        _correlation(result, assessed.scores, sets.terms),
    )


def _named(classes: pd.DataFrame, terms: np.ndarray) -> pd.DataFrame:
    columns = ["term", "class", "n_cells", "units", "auroc", "auroc_null", "auroc_lowest", "pvalue", "fdr"]
    if not len(classes):
        return pd.DataFrame(columns=columns)
    table = classes.assign(term=terms[classes["set"]], score=-classes["auroc"])
    return table.sort_values(["class", "pvalue", "score"], kind="stable")[columns].reset_index(drop=True)


def sample_cells(
    counts: Mapping[str, Counts], genes: Sequence[str] | np.ndarray, max_cells: int, seed: int
) -> tuple[sparse.csr_matrix, pd.DataFrame]:
    """Return (CSR cells x genes, their annotation) of up to `max_cells` cells, in proportion to study size.

    Parameters
    ----------
    counts
        Study -> its counts.
    genes
        Names of the columns to return.
    max_cells
        Maximum number of cells.
    seed
        Seed of the draws.
    """
    total = sum(study.shape[0] for study in counts.values())
    parts, tables = [], []
    for name, study in counts.items():
        n = study.shape[0]
        take = n if total <= max_cells else max(round(max_cells * n / total), 1)
        rng = seeds.stream(seed, "features", "cells", name)
        rows = np.sort(rng.choice(n, min(take, n), replace=False))
        columns = study.genes.get_indexer(pd.Index(genes))
        for inside, block in study.blocks():
            chosen = rows[(rows >= inside.start) & (rows < inside.stop)] - inside.start
            parts.append(block[chosen][:, columns])
        tables.append(_annotation(study, name).iloc[rows])
    return sparse.vstack(parts, format="csr"), pd.concat(tables)


def _annotation(study: Counts, name: str) -> pd.DataFrame:
    """Return the annotation of a study's cells, with names ``study:barcode`` and the column study."""
    obs = study.obs.copy()
    obs.index = [f"{name}:{barcode}" for barcode in obs.index]
    return obs.drop(columns="study", errors="ignore").assign(study=name).astype({"study": object})


def score_features(
    counts: Mapping[str, str | Path],
    gene_sets: Sequence[str | Path | Mapping[str, str | None]],
    table: pd.DataFrame,
    settings: FeatureSettings | Mapping,
) -> AnnData:
    """Score the chosen features in every cell.

    Parameters
    ----------
    table
        ``features.tsv``; its rows with `selected` are scored, in their order.

    Returns
    -------
    AnnData: obs = cells ``study:barcode`` of all studies with study and the mapped standard columns; var =
    the chosen sets with the columns of the table and their `genes`, joined by semicolons; X float32
    scores, 0 to 1.
    """
    import anndata

    settings = FeatureSettings.of(settings)
    opened = {study: Counts(path) for study, path in counts.items()}
    chosen = table[table["selected"].astype(str) == "True"].set_index("term")
    genes = shared_genes(opened)
    sets = read_libraries(gene_sets, genes, settings.set_sizes)
    member = sets.member[pd.Index(sets.terms).get_indexer(chosen.index)]
    progress = Progress("cells", sum(study.shape[0] for study in opened.values()))
    parts, tables = [], []
    for name, study in opened.items():
        columns = study.genes.get_indexer(pd.Index(genes))
        for _, block in study.blocks():
            given = block[:, columns]
            parts.append(aucell(given, member, top_fraction=settings.top_fraction, ties=settings.ties))
            progress.add(given.shape[0])
        tables.append(_annotation(study, name))
    obs = pd.concat(tables)
    obs = obs[["study", *(column for column in SHARED if column in obs)]]
    var = chosen.drop(columns=["selected", "stratum"], errors="ignore")
    var["group"] = var["group"].astype(int)
    var["genes"] = [";".join(map(str, sets.genes[row.indices])) for row in member]
    if var[CLASS_COLUMNS].isna().all(axis=None):
        var = var.drop(columns=[*CLASS_COLUMNS, "importance"])
    scores = anndata.AnnData(np.vstack(parts), obs=obs, var=var)
    scores.uns["parameters"] = {key: str(value) for key, value in vars(settings).items()}
    return scores


def score_table(scores: AnnData) -> pd.DataFrame:
    """Return the scores as a table of labels: cell (barcode), study and a column per feature."""
    barcode = [str(name).split(":", 1)[1] for name in scores.obs_names]
    table = pd.DataFrame(np.asarray(scores.X), columns=scores.var_names)
    table.insert(0, "study", scores.obs["study"].astype(str).to_numpy())
    table.insert(0, "cell", barcode)
    return table


def _statistics(table: pd.DataFrame, fitted, classes, settings: FeatureSettings) -> pd.DataFrame:
    passed = settings.passed(table)
    rows = [
        ("sets_tested", len(table), np.nan),
        ("sets_passed", int(passed.sum()), np.nan),
        ("sets_grouped", int(table["group"].notna().sum()), np.nan),
        ("sets_selected", int(table["selected"].sum()), np.nan),
    ]
    if classes is not None:
        rows.append(("classes_tested", len(classes.names), np.nan))
        rows.append(("units", len(classes.blocks), np.nan))
    if fitted is not None:
        rows.append(("forest_balanced_accuracy", fitted.accuracy, fitted.chance))
        rows.append(("forest_units_left_out", fitted.units_left_out, np.nan))
    return pd.DataFrame(rows, columns=["statistic", "value", "null"])


def _correlation(table: pd.DataFrame, scores: np.ndarray, terms: np.ndarray) -> pd.DataFrame:
    grouped = table[table["group"].notna()].sort_values("group", kind="stable")["term"]
    columns = pd.Index(terms).get_indexer(grouped)
    part = scores[:, columns].astype(np.float64)
    part -= part.mean(axis=0)
    scale = np.sqrt((part**2).sum(axis=0))
    part /= np.where(scale > 0, scale, 1.0)
    return pd.DataFrame(part.T @ part, index=grouped.to_numpy(), columns=grouped.to_numpy())
