"""Comparison of lines as run by the workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.graph.weisfeiler_lehman import wl_kernel
from panscape.sivae.networks.associate import associate, coordinates
from panscape.sivae.networks.lines_table import phenotypes_of_table, read_lines_table
from panscape.sivae.networks.read import EMBEDDED, Collection
from panscape.sivae.networks.settings import ROLES, NetworkSettings
from panscape.sivae.networks.similarity import average_bins, edge_jaccard, linear_cka, neighbour_jaccard
from panscape.sivae.networks.tested import read_phenotypes, tests_table
from panscape.sivae.networks.within import kinds_of, of_kind


def kernel_names(settings: NetworkSettings | Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return name of a comparison -> (kernel, model): ``cka`` of siVAE, ``cka-pca`` of a baseline ...

    Correlations have no embedding, so no CKA.
    """
    settings = NetworkSettings.of(settings)
    return {
        kernel if model == "sivae" else f"{kernel}-{model}": (kernel, model)
        for model in settings.models
        for kernel in settings.kernels
        if kernel != "cka" or model in EMBEDDED
    }


def phenotype_columns(config: Mapping[str, Any]) -> list[str]:
    """Return the columns that are phenotypes: ``networks.phenotypes``, or all mapped ones but the roles."""
    settings = config["networks"]
    chosen = settings["phenotypes"]
    if isinstance(chosen, str):
        return phenotypes_of_table(read_lines_table(chosen), settings["block"], settings["covariates"])
    if chosen is not None:
        return list(chosen)
    within = config.get("sivae", {}).get("within")
    studies = [study for study in config["studies"] if "sivae" in study.get("use", ("sivae",))]
    others = {*ROLES, within, settings["block"], *settings["covariates"]}
    return list(dict.fromkeys(name for study in studies for name in study["obs"] if name not in others))


def similarity_of(graphs, embeddings, kernel: str, settings: NetworkSettings) -> np.ndarray:
    """Return the (B, B) similarity of bins by one of the kernels.

    Parameters
    ----------
    graphs
        Networks, CSR bool, genes x genes.
    embeddings
        Embeddings of the genes, genes x K.
    kernel
        One of :data:`panscape.sivae.networks.settings.KERNELS`.
    settings
        Parameters of the kernels.
    """
    if kernel == "cka":
        return linear_cka(embeddings)
    if kernel == "neighbours":
        return neighbour_jaccard(graphs)
    if kernel == "edges":
        return edge_jaccard(graphs)
    labels = kernel.removeprefix("wl-")
    return wl_kernel(graphs, labels=labels, h=settings.wl_iterations if labels == "degree" else 1)


def compare_lines(
    collection: Collection,
    kernel: str,
    model: str,
    settings: NetworkSettings,
    columns: Sequence[str],
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compare all lines by one kernel, embed them, and test the association with phenotypes.

    Parameters
    ----------
    collection
        All lines.
    kernel
        One of :data:`panscape.sivae.networks.settings.KERNELS`.
    model
        ``"sivae"`` or another engine.
    settings
        Settings of the comparison.
    columns
        Columns of the phenotypes.
    seed
        Seed of the permutations.

    Returns
    -------
    similarity
        line, then one column per line.
    embedding
        line, axis_1 ... (coordinates), within (if lines are divided by cell type; coordinates are then those
        of the lines of a type), and the phenotypes.
    tests
        See :data:`TEST_COLUMNS`.
    """
    part = kernel
    chosen = chosen_genes(collection, model, settings)
    owner, graphs, embeddings = [], [], []
    for at, file in enumerate(collection.files):
        bins = collection.whole(at)
        owner += [at] * len(bins)
        if kernel == "cka":
            embeddings += [one[chosen] for one in file.embeddings(model, bins)]
        else:
            graphs += [graph[chosen][:, chosen] for graph in file.graphs(model, bins)]
    result = similarity_of(graphs, embeddings, kernel, settings)
    names = collection.names
    lines = average_bins(result, np.array(owner), len(names))
    similarity = pd.DataFrame(lines, columns=names)
    similarity.insert(0, "line", names)
    embedding = _embedding(lines, collection.lines, columns)
    rows: list[dict] = []
    phenotypes, skipped = read_phenotypes(collection.lines, columns, settings)
    for phenotype in phenotypes:
        rng = seeds.stream(seed, "networks", kernel, model, phenotype.name)
        table = associate(
            lines,
            phenotype,
            permutations=settings.permutations,
            rng=rng,
            controls=line_controls(collection, settings),
        )
        table = table.rename(columns={"test": "statistic"}).assign(phenotype=phenotype.name)
        rows += table.assign(part=part, model=model).to_dict("records")
    rows += [row | {"part": part, "model": model} for row in skipped.to_dict("records")]
    return similarity, embedding, tests_table(rows)


def _embedding(similarity: np.ndarray, lines: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return line, its coordinates and phenotypes; with cell types, coordinates of the lines of each type."""
    parts = []
    for kind in kinds_of(lines):
        at = np.flatnonzero(of_kind(lines, kind))
        xy, _ = coordinates(similarity[np.ix_(at, at)])
        names = [f"axis_{axis + 1}" for axis in range(xy.shape[1])]
        parts.append(pd.DataFrame(xy, columns=names, index=at))
    table = pd.concat(parts).sort_index()
    table.insert(0, "line", lines["line"].to_numpy())
    shown = [name for name in (*lines.columns.intersection(["within"]), *columns) if name in lines]
    return table.assign(**{name: lines[name].to_numpy() for name in shown})


def line_controls(collection: Collection, settings: NetworkSettings) -> dict[str, np.ndarray]:
    """Return the controls of the settings that are properties of lines, name -> (L,)."""
    names = [name for name in settings.controls if name in ("depth", "n_cells")]
    return {name: collection.lines[name].to_numpy(float) for name in names}


def chosen_genes(collection: Collection, model: str, settings: NetworkSettings) -> np.ndarray:
    """Return the positions of the genes to compare: all, or the union of each line's most central genes.

    Parameters
    ----------
    collection
        All lines.
    model
        ``"sivae"`` or another engine.
    settings
        `genes` and `central_top`.
    """
    if settings.genes == "all":
        return np.arange(len(collection.genes))
    values = np.nan_to_num(collection.centralities(model), nan=-np.inf)
    top = min(settings.central_top, len(values))
    return np.unique(np.argsort(-values, axis=0, kind="stable")[:top])
