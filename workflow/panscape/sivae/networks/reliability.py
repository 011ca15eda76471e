"""Reliability of a line's network between bins or halves of its cells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from panscape.sivae.bin_names import is_extra
from panscape.sivae.networks.read import EMBEDDED, Collection
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.similarity import linear_cka, neighbour_jaccard

COLUMNS = ["line", "model", "source", "parts", "measure", "within", "others", "rank", "flag"]


def check_lines(collection: Collection, settings: NetworkSettings) -> pd.DataFrame:
    """Assess the reliability of each line's network by model, see :func:`reliability`.

    Other lines are those of the same cell type, if lines are divided by type.

    Lines with a collapsed siVAE are flagged ``collapsed`` instead.
    """
    tables = []
    for model in settings.models:
        groups: dict[tuple[str, str], list[int]] = {}
        kinds = collection.lines.get("within", pd.Series("", index=collection.lines.index))
        for at, kind in enumerate(kinds):
            groups.setdefault((str(kind), collection.parts(at)[1]), []).append(at)
        for (_, source), members in groups.items():
            tables.append(_check_group(collection, model, source, members, settings).assign(model=model))
    table = pd.concat(tables, ignore_index=True)
    bad = [file.name for file in collection.files if not all(map(is_extra, file.collapsed()))]
    table.loc[table["line"].isin(bad) & (table["model"] == "sivae"), "flag"] = "collapsed"
    place = {name: at for at, name in enumerate(collection.names)}
    order = [table["model"].map(settings.models.index), table["line"].map(place)]
    table = table.assign(_model=order[0], _line=order[1]).sort_values(["_model", "_line"], kind="stable")
    front = ["line", "model", "source", "parts", "measure"]
    return table[[*front, *(name for name in table if name not in front and name[0] != "_")]].reset_index(
        drop=True
    )


def _check_group(
    collection: Collection, model: str, source: str, members: list[int], settings: NetworkSettings
) -> pd.DataFrame:
    owner, graphs, embeddings, vectors = [], [], [], []
    for number, at in enumerate(members):
        file, bins = collection.files[at], collection.parts(at)[0]
        owner += [number] * len(bins)
        bin_graphs = file.graphs(model, bins)
        graphs += bin_graphs
        if model in EMBEDDED:
            embeddings += file.embeddings(model, bins)
        table = file.table()
        wide = table[table["model"] == model].pivot_table(index="bin", columns="gene", values="centrality")
        vectors += list(wide.reindex(index=bins, columns=collection.genes).fillna(0).to_numpy())
    measures = {"neighbours": neighbour_jaccard(graphs), "centrality": vector_similarity(np.array(vectors))}
    if embeddings:
        measures["cka"] = linear_cka(embeddings)
    size = len(collection.genes)
    density = np.mean([graph.nnz for graph in graphs]) / max(size * (size - 1), 1)
    return reliability(
        measures,
        np.array(owner),
        [collection.names[at] for at in members],
        source=source,
        min_agreement=settings.min_reliability,
        # expected Jaccard index of two random neighborhoods of that density
        chance={"neighbours": density / (2 - density)},
    )


def reliability(
    similarities: Mapping[str, np.ndarray],
    line: np.ndarray,
    names: list[str],
    *,
    source: str,
    min_agreement: float = 0.2,
    chance: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Compare the parts (bins or halves) of each line with each other and with other lines' parts.

    Parameters
    ----------
    similarities
        Measure -> (B, B) similarity of parts.
    line
        (B,) index of each part's line.
    names
        Names of all lines; lines with fewer than two parts are flagged ``unknown``.
    source
        ``"bins"`` or ``"halves"``.
    min_agreement
        Minimum agreement of parts above chance; lines below are flagged ``unreliable``.
    chance
        Measure -> expected similarity of unrelated networks; agreement is (s - chance) / (1 - chance).

    Returns
    -------
    One row per line and measure: line, source, parts, measure, within (mean similarity of the line's parts),
    others (mean similarity to other lines' parts), rank (fraction of other lines whose parts are less similar
    to the line's parts than these to each other), flag: empty, ``unreliable``, ``not distinct`` (its parts
    are not more similar to each other than to parts of other lines, so differences between lines cannot be
    interpreted), ``unknown``.
    """
    rows = []
    for measure, similarity in similarities.items():
        base = (chance or {}).get(measure, 0.0)
        for at, name in enumerate(names):
            members = np.flatnonzero(line == at)
            row = {"line": name, "source": source, "parts": len(members), "measure": measure}
            if len(members) < 2:
                rows.append(row | {"within": np.nan, "others": np.nan, "rank": np.nan, "flag": "unknown"})
                continue
            block = similarity[np.ix_(members, members)]
            within = block[np.triu_indices(len(members), 1)].mean()
            means = [
                similarity[np.ix_(members, np.flatnonzero(line == other))].mean()
                for other in range(len(names))
                if other != at and (line == other).any()
            ]
            others = float(np.mean(means)) if means else np.nan
            flag = ""
            if not within - base > min_agreement * (1 - base):
                flag = "unreliable"
            elif means and within <= others:
                flag = "not distinct"
            rank = float(np.mean(np.array(means) < within)) if means else np.nan
            rows.append(row | {"within": within, "others": others, "rank": rank, "flag": flag})
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "model"])


def vector_similarity(vectors: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of the rows (parts x genes); 0 for constant rows."""
    from panscape.stats.ranks import centred_ranks

    x = centred_ranks(vectors, axis=-1)
    size = np.sqrt(np.square(x).sum(axis=1))
    x = np.divide(x, size[:, None], out=np.zeros_like(x), where=size[:, None] > 0)
    result = x @ x.T
    np.fill_diagonal(result, 1.0)
    return result
