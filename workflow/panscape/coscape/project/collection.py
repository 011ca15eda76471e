"""Projection of studies onto a finished collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.coscape import reference
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import Stack, make_stack, read_stack
from panscape.coscape.dictionary.write import SavedDictionary, read_dictionary
from panscape.coscape.landscape.read import pair_positions, read_chosen
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.coscape.project.align import Aligned, Reference, align_pairs, project_codes
from panscape.coscape.project.place import map_position, nearest_panclusters, place_panclusters
from panscape.coscape.project.similarity import Similarity
from panscape.data.files import read_csr, read_h5ad
from panscape.errors import fail
from panscape.stats.rows import unit_rows

if TYPE_CHECKING:
    from panscape.coscape.landscape.combine import Study

VALUES = ("dpt_pseudotime", "age")
"""Columns of the reference's panclusters that new ones are given."""
LAYOUT = "X_draw_graph_fa"


@dataclass(frozen=True)
class FinishedCollection:
    """A finished collection, as the reference of a projection.

    Attributes
    ----------
    saved
        Dictionary of the collection.
    stack
        Coexpression of its panclusters over all pairs, and their annotations.
    layout
        (N, 2) map of the panclusters.
    settings
        Settings of the dictionary.
    scores
        Scores of the panclusters, if the landscape has the corrected distance: new ones are then compared by
        it.
    min_pairs
        Minimum number of valid pairs of a pancluster for that distance.
    """

    saved: SavedDictionary
    stack: Stack
    layout: np.ndarray
    settings: DictionarySettings
    scores: Scores | None = None
    min_pairs: int = 0

    @classmethod
    def read(cls, folder: str | Path) -> FinishedCollection:
        """Read ``results/<collection>``, without writing to it."""
        settings = DictionarySettings.of(reference.settings(folder)["dictionary"])
        files = reference.by_kind(folder)
        landscape = Path(folder, reference.LANDSCAPE)
        parts = (files["clusters"], files["matrices"], files["pairs"])
        stack = read_stack(landscape, *parts, replace(settings, pair_support=1))
        backed = read_h5ad(landscape, backed=True)
        at = backed.obs_names.get_indexer(stack.obs.index)
        layout = np.asarray(backed.obsm[LAYOUT], dtype=float)[at, :2]
        least = int(backed.uns["parameters"].get("min_pairs", 0))
        backed.file.close()
        scores = None
        if "scores" in files:
            chosen = read_chosen(Path(folder, reference.SIGNAL_PAIRS))
            places, weight = pair_positions(chosen, stack.genes), chosen["weight"].to_numpy(dtype=float)
            each = zip(files["scores"], files["members"], strict=True)
            scores = stack_scores([Scores.of(read_csr(s), places, weight, read_csr(m)) for s, m in each])
        saved = read_dictionary(Path(folder, reference.DICTIONARY))
        return cls(saved, stack, layout, settings, scores, least)


def project_studies(
    folder: str | Path, studies: Mapping[str, Mapping[str, str]], *, coverage: float = 0.9
) -> pd.DataFrame:
    """Project the panclusters of studies onto a finished collection, study by study.

    Parameters
    ----------
    folder
        ``results/<collection>`` of the reference.
    studies
        Id -> paths as keywords of :func:`panscape.coscape.landscape.read.read_study`, made with the
        reference's genes and settings; `scores` of the reference's chosen pairs, if it has scores.
    coverage
        Nominal coverage of the intervals, in (0, 1).

    Returns
    -------
    Concatenated results of :func:`project_stack`.

    Raises
    ------
    UserError
        If a file of the reference is missing, or a study has no gene in common with it.
    """
    from panscape.coscape.landscape.read import read_study

    finished = FinishedCollection.read(folder)
    tables = []
    for name, paths in studies.items():
        parts = {part: path for part, path in paths.items() if part != "scores"}
        study, scores = read_study(name, **parts), None
        if finished.scores is not None and study.members is not None:
            scores = finished.scores.of_others(read_csr(paths["scores"]), study.members)
        tables.append(project_study(finished, study, scores, coverage=coverage))
    return pd.concat(tables, ignore_index=True)


def project_study(
    finished: FinishedCollection, study: Study, scores: Scores | None = None, *, coverage: float = 0.9
) -> pd.DataFrame:
    """Project the panclusters of one study onto a finished collection, see :func:`project_stack`.

    Parameters
    ----------
    finished
        The reference.
    study
        Clusters and coexpression of the new study.
    scores
        Scores of its clusters for the pairs of the reference, if that has scores.
    coverage
        Nominal coverage of the intervals, in (0, 1).
    """
    from panscape.coscape.landscape.combine import combine_studies

    combined = combine_studies([study])
    settings = replace(finished.settings, pair_support=1)
    # a small study may be a single pancluster: all of its cells
    stack = make_stack(combined, combined.clusters.set_index("cluster"), settings, min_panclusters=1)
    return project_stack(finished, stack, scores, coverage=coverage)


def project_stack(
    finished: FinishedCollection, new: Stack, scores: Scores | None = None, *, coverage: float = 0.9
) -> pd.DataFrame:
    """Project the panclusters of one study onto a finished collection.

    Codes, and the similarity of thresholded correlations, exclude pairs with a gene that is not measured by
    the study or by all studies of the reference.

    Parameters
    ----------
    finished
        The reference.
    new
        Panclusters x gene pairs of the new study.
    scores
        See :func:`project_study`.
    coverage
        Nominal coverage of the intervals, in (0, 1).

    Returns
    -------
    One row per pancluster: cluster, study, n_cells, age_known (mean age of its cells, if known), nearest (the
    most similar pancluster of the reference), x and y (coordinates on the reference's map), the columns of
    :func:`panscape.coscape.project.place.place_panclusters` for pseudotime and age, and its code for every
    entry.

    Raises
    ------
    UserError
        If pairs of the dictionary are not in the reference's coexpression, or no gene is shared.
    """
    old, saved = finished.stack, finished.saved
    columns = pd.MultiIndex.from_arrays([old.gene_a, old.gene_b]).get_indexer(
        pd.MultiIndex.from_arrays([saved.gene_a, saved.gene_b])
    )
    if (columns < 0).any():
        raise fail(
            "project.reference",
            f"{(columns < 0).sum()} pairs of its dictionary are not in its coexpression files",
            "run `snakemake dictionary` for the configuration of the reference again",
        )
    study = old.obs["study"].astype(str).to_numpy()
    given = Reference(saved.entries, old.data[:, columns], saved.gene_a, saved.gene_b, saved.genes, study)
    genes = np.asarray(new.genes, dtype=object)
    shared = list(genes[np.isin(genes, _everywhere(old, new))])
    aligned = align_pairs(given, new.data, new.gene_a, new.gene_b, shared)
    if finished.settings.scale == "unit":
        aligned = replace(aligned, matrix=unit_rows(aligned.matrix), new=unit_rows(aligned.new))
    codes = project_codes(aligned, alpha=finished.settings.alpha)
    similar = _similarity(finished, new, aligned, scores)
    known = [name for name in VALUES if name in old.obs]
    values = old.obs[known].apply(pd.to_numeric, errors="coerce")
    placed = place_panclusters(similar, study, values, codes, coverage=coverage)
    table = pd.DataFrame({"cluster": new.obs.index, "study": new.obs["study"].astype(str).to_numpy()})
    table["n_cells"] = new.obs["n_cells"].to_numpy()
    if "age" in new.obs:
        table["age_known"] = pd.to_numeric(new.obs["age"]).to_numpy(dtype=float)
    nearest = nearest_panclusters(similar.near, 1)[0][:, 0]
    table["nearest"] = np.asarray(old.obs.index, dtype=object)[nearest]
    table["x"], table["y"] = map_position(similar, finished.layout).T
    return pd.concat([table, placed, pd.DataFrame(codes[0], columns=saved.names)], axis=1)


def _similarity(
    finished: FinishedCollection, new: Stack, aligned: Aligned, scores: Scores | None
) -> Similarity:
    """Return the similarity of coexpression by the distance of the reference's landscape."""
    if finished.scores is None:
        return Similarity.cosine(aligned.matrix, aligned.new)
    if scores is None:
        raise ValueError("the reference has scores of gene pairs, the new study has none")
    genes = pd.Index(finished.stack.genes)
    place = genes.get_indexer(np.asarray(new.genes, dtype=object))
    rows = np.zeros((len(new.obs), len(genes)), dtype=bool)
    rows[:, place[place >= 0]] = _measured(new)[:, place >= 0]
    measured = np.concatenate([_measured(finished.stack), rows])
    return Similarity.debiased(
        finished.scores, scores, None if measured.all() else measured, min_pairs=finished.min_pairs
    )


def _measured(stack: Stack) -> np.ndarray:
    """Return bool (n_panclusters, n_genes): genes that each pancluster's study measures."""
    if stack.measured is None:
        return np.ones((len(stack.obs), len(stack.genes)), dtype=bool)
    return stack.measured


def _everywhere(*stacks: Stack) -> np.ndarray:
    """Return the genes that every study of every stack measures."""
    known = [np.asarray(stack.genes, dtype=object)[_measured(stack).all(axis=0)] for stack in stacks]
    return reduce(np.intersect1d, known)


def match_genes(reference_genes: Sequence[str], genes: Sequence[str], study: str) -> pd.DataFrame:
    """Match a study's genes to those of the reference.

    Parameters
    ----------
    reference_genes
        Genes that the reference analysed, in its order.
    genes
        Genes of the study after quality control.
    study
        Study id, for messages.

    Returns
    -------
    Columns `gene`, in the reference's order, `selected`: whether the study has it, and `rank_<study>`: the
    gene's place in that order, NaN where the study lacks it.

    Raises
    ------
    UserError
        If fewer than two genes are shared.
    """
    from panscape.log import logger

    table = pd.DataFrame({"gene": list(reference_genes)})
    table["selected"] = table["gene"].isin(set(genes))
    table[f"rank_{study}"] = np.where(table["selected"], np.arange(1.0, len(table) + 1), np.nan)
    shared = int(table["selected"].sum())
    if shared < 2:
        raise fail(
            f"study {study!r}",
            f"has {shared} of the {len(table)} genes that the reference analysed: it has "
            f"{', '.join(map(str, list(genes)[:3]))} ..., the reference {', '.join(table['gene'][:3])} ...",
            "set species as in the reference's configuration, and see genes.column and genes.mapping",
        )
    log = logger.warning if shared < len(table) / 2 else logger.info
    log("%s has %d of the %d genes that the reference analysed", study, shared, len(table))
    return table
