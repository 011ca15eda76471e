"""Panclusters, coexpression and landscape of AnnData."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from scipy import sparse

from panscape.coscape.cells import read_counts
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.panclust.settings import PanclustSettings
from panscape.errors import fail
from panscape.log import logger
from panscape.seeds import derive
from panscape.settings import FromMapping

if TYPE_CHECKING:
    from anndata import AnnData

    from panscape.data.counts import Counts

# keys in obsm, uns and obsp of a landscape in memory
MATRIX, PAIRS = "coexpression", "coexpression_pairs"
SCORES, SIGNAL_PAIRS, SHARED = "scores", "signal_pairs", "shared_cells"
Settings = TypeVar("Settings", bound=FromMapping)


def find_panclusters(
    data: AnnData | Counts | str | Path,
    genes: Sequence[str] | None = None,
    settings: PanclustSettings | Mapping[str, Any] | None = None,
    *,
    layer: str | None = None,
    study: str | None = None,
    seed: int = 0,
    threads: int = 1,
    **more: Any,
) -> tuple[pd.DataFrame, sparse.csr_matrix]:
    """Cluster the cells of one study at several resolutions.

    Parameters
    ----------
    data
        AnnData (n_cells, n_genes) with raw counts, or the path of an h5ad file.
    genes
        Genes used for clustering; None takes all. About 2,000 highly variable genes are usual.
    settings, **more
        Settings of the section `panclust`, as an object, a mapping or keywords.
    layer
        Layer of the raw counts; None takes X.
    study
        Name of the study, the first part of every cluster's name; None takes the value of obs ``study``.
    seed
        Seed of the whole analysis.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    clusters : DataFrame
        One row per cluster, see :func:`panscape.coscape.panclust.pancluster.pancluster`.
    members : csr_matrix
        int8 (n_clusters, n_cells), 1 where a cell belongs to a cluster.

    Raises
    ------
    UserError
        For an unknown setting, values that are not counts, or too few cells.

    Examples
    --------
    >>> import anndata, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> profile = rng.gamma(0.4, 2, size=(2, 30)).repeat(60, axis=0)
    >>> clusters, members = find_panclusters(
    ...     anndata.AnnData(rng.poisson(profile).astype("float32")), min_cells=30, study="mouse"
    ... )
    >>> clusters["cluster"].iloc[0], members.shape[1]
    ('mouse-all', 120)
    """
    from panscape.coscape.panclust.pancluster import pancluster

    counts = read_counts(data, layer)
    return pancluster(
        counts,
        list(counts.genes) if genes is None else list(genes),
        choose_settings(PanclustSettings, settings, more),
        seed,
        study=_study_name(counts.obs, study),
        threads=threads,
    )


def estimate_coexpression(
    data: AnnData | Counts | str | Path,
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    genes: Sequence[str] | None = None,
    settings: CoexpressionSettings | Mapping[str, Any] | None = None,
    *,
    layer: str | None = None,
    all_genes: Sequence[str] | None = None,
    signal: bool = True,
    seed: int = 0,
    threads: int = 1,
    **more: Any,
) -> Study:
    """Correlate all pairs of genes within every cluster of one study.

    Parameters
    ----------
    data, layer, seed, threads
        As in :func:`find_panclusters`.
    clusters, members
        From :func:`find_panclusters`.
    genes
        Genes to correlate, a few thousand at most; None takes all.
    settings, **more
        Settings of the section `coexpression` and `normalisation`, as an object, a mapping or keywords.
    all_genes
        Genes of all studies in the order of `genes`, if this study lacks some; None takes `genes`.
    signal
        Also sum up the signal of every pair of genes, which :func:`build_landscape` chooses pairs by. It
        costs little except with ``estimator="spearman"``; False suffices for ``distance="thresholded"`` and
        for studies to project.

    Returns
    -------
    The study, ready for :func:`build_landscape`: `matrix` is CSR (n_clusters, n_pairs), `pairs` the positions
    of each pair's genes in `genes`, `clusters` the table with means and dominant labels of the columns of
    obs. It refers to `data`, from which :func:`build_landscape` scores the chosen pairs of genes.

    Raises
    ------
    UserError
        For an unknown setting, or values that are not counts.
    """
    from panscape.coscape.coexpression.coexpress import coexpress
    from panscape.coscape.landscape.read import make_study
    from panscape.coscape.landscape.score_studies import PairSource

    counts = read_counts(data, layer)
    chosen = choose_settings(CoexpressionSettings, settings, more)
    measured = list(counts.genes) if genes is None else list(genes)
    name = str(clusters["study"].iloc[0])
    result = coexpress(
        counts,
        measured,
        clusters,
        members,
        chosen,
        all_genes=all_genes,
        signal=signal,
        threads=threads,
        seed=derive(seed, "coexpression", name),
    )
    study = make_study(name, clusters, members, counts.obs, result.matrix, result.pairs, result.expression)
    known = None if result.signal is None else result.signal.stored()
    how = (chosen.estimator, chosen.normalisation, chosen.min_expected)
    return replace(study, source=PairSource(counts, tuple(measured), *how, known))


def build_landscape(
    studies: Sequence[Study],
    settings: LandscapeSettings | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
    **more: Any,
) -> AnnData:
    """Build the landscape of the clusters of all studies.

    With the corrected distance (the default), the pairs of genes with the most signal over all studies are
    chosen and scored in every cluster first.

    Parameters
    ----------
    studies
        From :func:`estimate_coexpression`, with the same genes in the same order.
    settings, **more
        Settings of the section `landscape`, as an object, a mapping or keywords. Use ``root="none"`` if no
        study has a column `age`.
    seed
        Seed of the whole analysis.
    threads
        Number of threads that score pairs; the result does not depend on it.

    Returns
    -------
    AnnData (n_clusters, n_genes): expression in X, annotations and `dpt_pseudotime` in obs, coordinates in
    obsm ``X_draw_graph_fa``, the graph in obsp ``connectivities`` and ``distances``, tables of genes and
    pairs along pseudotime in uns ``genes`` and ``pairs``, see
    :func:`panscape.coscape.landscape.write.landscape_to_anndata`. In addition, obsm ``coexpression``, CSR
    (n_clusters, n_pairs), and uns ``coexpression_pairs``, the genes of these pairs, for
    :func:`learn_dictionary`; with the corrected distance also obsm ``scores``, CSR of the chosen pairs in uns
    ``signal_pairs``, and obsp ``shared_cells`` for :func:`project_panclusters`.

    Raises
    ------
    UserError
        For an unknown setting or root, fewer than 3 clusters, or studies without the signal of pairs.
    """
    from panscape.coscape.landscape.build import compute_landscape
    from panscape.coscape.landscape.score_studies import score_studies
    from panscape.coscape.landscape.write import landscape_to_anndata

    chosen = choose_settings(LandscapeSettings, settings, more)
    for key in chosen.unused:
        logger.warning("landscape.%s: %s", key, chosen.without_effect(key))
    landscape = compute_landscape(score_studies(studies, chosen, threads=threads), chosen, seed)
    result = landscape_to_anndata(landscape)
    data = landscape.data
    result.obsm[MATRIX] = sparse.csr_matrix(data.matrix[landscape.originals])
    names = data.genes.astype(str)[data.pairs]
    result.uns[PAIRS] = pd.DataFrame({"gene_a": names[:, 0], "gene_b": names[:, 1]})
    result.uns["genes"], result.uns["pairs"] = landscape.genes, landscape.pairs
    if data.scores is not None:
        scores = data.scores.rows(landscape.originals)
        names = data.genes.astype(str)[scores.pairs]
        result.obsm[SCORES], result.obsp[SHARED] = scores.matrix, scores.shared
        result.uns[SIGNAL_PAIRS] = pd.DataFrame(
            {"gene_a": names[:, 0], "gene_b": names[:, 1], "weight": scores.weight}
        )
    return result


def _study_name(obs: pd.DataFrame, name: str | None) -> str:
    if name is not None:
        return name
    names = obs["study"].astype(str).unique() if "study" in obs else []
    if len(names) != 1:
        problem = f"has {len(names)} studies in obs, not one"
        advice = "name the study, study='...'; several studies are clustered one by one"
        raise fail("the data", problem, advice)
    return str(names[0])


def choose_settings(
    kind: type[Settings], settings: Settings | Mapping[str, Any] | None, more: Mapping[str, Any]
) -> Settings:
    """Return settings updated by keywords; unknown keys are an error.

    Parameters
    ----------
    kind
        Class of the settings.
    settings
        An object of the class or a mapping with its keys; None takes the defaults.
    more
        Keys that replace those of `settings`.
    """
    if isinstance(settings, kind):
        return replace(settings, **more) if more else settings  # type: ignore[type-var]
    given = settings if isinstance(settings, Mapping) else {}
    return kind.of({**given, **more})
