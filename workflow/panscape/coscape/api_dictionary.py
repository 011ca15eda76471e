"""Dictionary, overlap and projection of landscapes in AnnData."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape import reference
from panscape.coscape.api_landscape import MATRIX, PAIRS, SCORES, SHARED, SIGNAL_PAIRS, choose_settings
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.landscape.combine import Combined, Study
from panscape.coscape.landscape.read import pair_positions
from panscape.coscape.landscape.scores import Scores
from panscape.errors import fail

if TYPE_CHECKING:
    from anndata import AnnData

    from panscape.data.edge_lists import Network

SETTINGS = "settings"  # uns of a dictionary: JSON


def learn_dictionary(
    landscape: AnnData | str | Path,
    settings: DictionarySettings | Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
    **more: Any,
) -> AnnData:
    """Learn a dictionary of coexpression networks that explains the clusters of a landscape.

    Parameters
    ----------
    landscape
        From :func:`build_landscape`, or the path of an h5ad file that it was written to.
    settings, **more
        Settings of the section `dictionary`, as an object, a mapping or keywords. ``k="auto"`` first fits all
        sizes in `k_range`.
    seed
        Seed of the whole analysis.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    AnnData (n_entries, n_pairs): weights in X, edges in the layer ``edges``, the usage of each entry by each
    cluster in obsm ``usage``, with ``k="auto"`` the error of every size in uns ``elbow``, see
    :func:`panscape.coscape.dictionary.write.dictionary_to_anndata`.

    Raises
    ------
    UserError
        For an unknown setting, or if no entry is used by `min_panclusters` clusters.
    """
    from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
    from panscape.coscape.dictionary.stack import make_stack
    from panscape.coscape.dictionary.write import dictionary_to_anndata

    data = _read(landscape)
    chosen = choose_settings(DictionarySettings, settings, more)
    stack = make_stack(_combined(data), data.obs, chosen)
    k, elbow = chosen.k, None
    if not isinstance(k, int):
        elbow = stack_elbow(stack, chosen, seed, threads)
        k = int(elbow.loc[elbow["suggested"], "k"].iloc[0])
    choice, learned = learn_stack(stack, k, chosen, seed, threads)
    result = dictionary_to_anndata(learned, stack, choice, asdict(chosen))
    result.uns[SETTINGS] = json.dumps(asdict(chosen), sort_keys=True)
    if elbow is not None:
        result.uns["elbow"] = elbow
    return result


def score_overlap(
    dictionary: AnnData | str | Path,
    networks: Mapping[str, str | Path | Iterable[tuple[str, str]]],
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
    **more: Any,
) -> pd.DataFrame:
    """Compare the edges of a dictionary with known gene networks against rewired graphs.

    Parameters
    ----------
    dictionary
        From :func:`learn_dictionary`, or the path of the workflow's ``dictionary.h5ad``.
    networks
        Name -> pairs of genes, or the path of an edge list (text or gzip, two columns of gene symbols).
    settings, **more
        `rewirings`, `tries_per_edge` and `rewire` of the section `overlap`.
    seed
        Seed of the whole analysis.
    threads
        Number of threads; the result does not depend on it.

    Returns
    -------
    One row per network: genes, edges, observed overlap, mean and standard deviation of the null, z, p-value
    and fold change, see :func:`panscape.coscape.overlap.scores.overlap_table`.

    Raises
    ------
    UserError
        For an unknown setting, or a network with none of the genes.
    """
    from panscape.coscape.dictionary.write import SavedDictionary
    from panscape.coscape.overlap.scores import overlap_table
    from panscape.coscape.overlap.settings import OverlapSettings
    from panscape.coscape.overlap.targets import MAIN, union_graph
    from panscape.data.edge_lists import measurable

    chosen = choose_settings(OverlapSettings, settings, more)
    saved = SavedDictionary(_read(dictionary))
    known = [
        measurable(_network(name, pairs), saved.genes, saved.measured.values())
        for name, pairs in networks.items()
    ]
    table = overlap_table(
        {MAIN: union_graph(saved.edges, saved.gene_a, saved.gene_b, saved.genes)},
        known,
        saved.genes,
        rewirings=chosen.rewirings,
        tries_per_edge=chosen.tries_per_edge,
        rewired=chosen.rewire,
        seed=seed,
        threads=threads,
    )
    # with a single target the matched row repeats the unmatched one
    return table[~table["matched"]].drop(columns=["target", "matched"]).reset_index(drop=True)


def project_panclusters(
    studies: Study | Sequence[Study],
    landscape: AnnData | str | Path,
    dictionary: AnnData | str | Path,
    *,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Project the clusters of new studies onto a landscape and its dictionary, without refitting.

    Parameters
    ----------
    studies
        From :func:`estimate_coexpression`, with the genes and the settings of the landscape's studies. If the
        landscape has the corrected distance, the pairs that it compares are scored in their cells.
    landscape, dictionary
        From :func:`build_landscape` and :func:`learn_dictionary`, or the paths of their h5ad files.
    coverage
        Nominal coverage of the intervals, in (0, 1).

    Returns
    -------
    One row per cluster: nearest cluster, coordinates, predicted pseudotime and age with intervals, and the
    code of every entry, see :func:`panscape.coscape.project.collection.project_stack`.

    Raises
    ------
    UserError
        If a study shares no gene with the landscape, or was not made by :func:`estimate_coexpression`.
    """
    from panscape.coscape.dictionary.stack import make_stack
    from panscape.coscape.dictionary.write import SavedDictionary
    from panscape.coscape.project.collection import LAYOUT, FinishedCollection, project_study

    data, learned = _read(landscape), _read(dictionary)
    settings = _settings_of(learned)
    stack = make_stack(_combined(data), data.obs, replace(settings, pair_support=1))
    layout = np.asarray(data.obsm[LAYOUT], dtype=float)[:, :2]
    scores, least = _scores_of(data), int(data.uns["parameters"]["min_pairs"])
    finished = FinishedCollection(SavedDictionary(learned), stack, layout, settings, scores, least)
    several = [studies] if isinstance(studies, Study) else list(studies)
    tables = [
        project_study(
            finished, study, None if scores is None else _new_scores(study, data), coverage=coverage
        )
        for study in several
    ]
    return pd.concat(tables, ignore_index=True)


def _read(data: AnnData | str | Path) -> AnnData:
    if isinstance(data, (str, Path)):
        from panscape.data.files import read_h5ad

        return read_h5ad(data)
    return data


def _combined(landscape: AnnData) -> Combined:
    """Return the clusters of a landscape with their coexpression.

    Raises
    ------
    UserError
        If the landscape has no coexpression; files of the workflow store it by study.
    """
    if MATRIX not in landscape.obsm:
        advice = "give what panscape.coscape.build_landscape returns"
        raise fail("the landscape", f"has no obsm {MATRIX!r}", advice)
    genes = np.asarray(landscape.var_names, dtype=object)
    pairs = [pd.Index(genes).get_indexer(landscape.uns[PAIRS][name]) for name in ("gene_a", "gene_b")]
    mean, detection = (np.asarray(landscape.layers[name]) for name in ("mean", "detection"))
    clusters = landscape.obs.rename_axis("cluster").reset_index()
    matrix = sparse.csr_matrix(landscape.obsm[MATRIX])
    return Combined(
        clusters, matrix, np.stack(pairs, axis=1), genes, np.asarray(landscape.X), mean, detection
    )


def _scores_of(landscape: AnnData) -> Scores | None:
    """Return the scores of a landscape's clusters, None without the corrected distance."""
    if SCORES not in landscape.obsm:
        return None
    chosen, shared = landscape.uns[SIGNAL_PAIRS], sparse.csr_matrix(landscape.obsp[SHARED])
    places = pair_positions(chosen, np.asarray(landscape.var_names, dtype=object), f"uns {SIGNAL_PAIRS}")
    weight = chosen["weight"].to_numpy(dtype=float)
    matrix = sparse.csr_matrix(landscape.obsm[SCORES])
    return Scores(matrix, places, weight, shared, shared.diagonal())


def _new_scores(study: Study, landscape: AnnData) -> Scores:
    """Return the scores of a new study's clusters for the pairs of a landscape."""
    if study.source is None or study.members is None:
        advice = "make it by panscape.coscape.estimate_coexpression"
        raise fail(f"study {study.name!r}", "does not refer to its cells, which are scored", advice)
    least = float(landscape.uns["parameters"]["min_expected"])
    source = replace(study.source, min_expected=least)
    return source.scores(
        study.members, landscape.uns[SIGNAL_PAIRS], np.asarray(landscape.var_names, dtype=object)
    )


def _settings_of(dictionary: AnnData) -> DictionarySettings:
    """Return the settings of a dictionary."""
    if SETTINGS in dictionary.uns:
        return DictionarySettings.of(json.loads(dictionary.uns[SETTINGS]))
    return DictionarySettings.of(reference.saved_settings(dictionary.uns[reference.KEY])["dictionary"])


def _network(name: str, pairs: str | Path | Iterable[tuple[str, str]]) -> Network:
    from panscape.data.edge_lists import Network, read_network

    if isinstance(pairs, (str, Path)):
        return read_network(pairs, name)
    given = [(str(a), str(b)) for a, b in pairs]
    kept = sorted({(min(pair), max(pair)) for pair in given if pair[0] != pair[1]})
    loops = sum(a == b for a, b in given)
    return Network(name, kept, len(given), loops, len(given) - loops - len(kept))
