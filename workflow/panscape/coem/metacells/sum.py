"""Aggregation, annotation and evaluation of metacells, and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.batches import AUTO, batch_column
from panscape.coem.metacells.aggregate import annotate, metacell_names, modality_table, soft_fractions
from panscape.coem.metacells.embed import Views
from panscape.coem.metacells.evaluate import measure, one_batch
from panscape.coem.metacells.learned import held_out_measures
from panscape.coem.metacells.settings import MetacellSettings
from panscape.coem.metacells.stage import Grouped
from panscape.coem.metacells.state_axes import StateAxes
from panscape.coem.metacells.state_scores import heterogeneity_rows, modality_scores, sample_axes
from panscape.coem.paired import Paired
from panscape.data.files import read_h5ad, read_tsv, write_h5ad, write_tsv
from panscape.data.h5mu import write_h5mu
from panscape.graph.multiscale import diffusion_space

if TYPE_CHECKING:
    from anndata import AnnData

# never used as labels for evaluation
JUDGED = ("study", "n_counts", "n_genes", "mito_share", "ribo_share", "sample")


@dataclass(frozen=True)
class Summed:
    """Metacells of a sample.

    Attributes
    ----------
    modalities
        rna, atac and activity, where available: see :func:`panscape.coem.metacells.aggregate.modality_table`.
    table
        Table by metacell: n_cells, annotations, heterogeneity, `conditioned_on` (see
        :attr:`Grouped.conditioned`).
    assignments
        cell, metacell, share, second, second_share.
    soft
        Soft assignment, cells x metacells.
    metrics
        method, metric, modality, value, conditioned_on.
    centres
        Mean coordinates of the metacells.
    """

    modalities: dict[str, AnnData]
    table: pd.DataFrame
    assignments: pd.DataFrame
    soft: sparse.csr_matrix
    metrics: pd.DataFrame
    centres: np.ndarray


def sum_sample(
    sample: Paired,
    grouped: Grouped,
    settings: MetacellSettings | Mapping[str, Any],
    *,
    genes: str | None = None,
    seed: int = 0,
) -> Summed:
    """Aggregate a sample's cells by the main method and evaluate every method.

    Parameters
    ----------
    sample
        The sample.
    grouped
        From :func:`group_sample`.
    settings
        The configuration's section ``metacells``.
    genes
        Table of the genes' positions; None takes those of the sample.
    seed
        Seed of the permutations.
    """
    from panscape.coem.links.activity import gene_activity, placed

    chosen = MetacellSettings.of(settings)
    label = grouped.methods.iloc[:, 0].to_numpy()
    names = metacell_names(int(label.max()) + 1)
    modalities = {}
    if sample.rna is not None:
        modalities["rna"] = modality_table(sample.rna, label, sample.genes, names)
    if sample.atac is not None:
        modalities["atac"] = modality_table(sample.atac, label, sample.peaks, names)
        places = placed(sample.genes, genes)
        if places is not None:
            sums, known = gene_activity(
                modalities["atac"].layers["counts"],
                sample.peaks,
                places,
                window=chosen.activity_window,
            )
            if len(known):
                modalities["activity"] = modality_table(sums, np.arange(len(names)), known, names)
    table = annotate(sample.obs, label)
    axes = sample_axes(sample, seed)
    for name, found in axes.items():
        scores = modality_scores(found, label, chosen, seed, name)
        table[f"heterogeneity_{name}"] = scores["heterogeneity"].to_numpy()
        table[f"dubious_{name}"] = scores["dubious"].to_numpy()
    table["dubious"] = table[[name for name in table if name.startswith("dubious_")]].any(axis=1)
    table["conditioned_on"] = grouped.conditioned[grouped.main]
    soft = soft_fractions(grouped.z, label)
    return Summed(
        modalities,
        table,
        _assignments(sample.obs.index, label, soft, names),
        soft,
        judge(sample, grouped, chosen, axes=axes, seed=seed),
        np.stack([grouped.z[label == m].mean(axis=0) for m in range(len(names))]),
    )


def _assignments(
    cells: pd.Index, label: np.ndarray, soft: sparse.csr_matrix, names: list[str]
) -> pd.DataFrame:
    """Return each cell's metacell, its soft assignment to it, and the second-best metacell."""
    name = np.array(names, dtype=object)
    rows = np.arange(len(label))
    fraction = np.asarray(soft[rows, label]).ravel()
    others = soft.tolil(copy=True)
    others[rows, label] = 0
    others = sparse.csr_matrix(others)
    second = np.asarray(others.argmax(axis=1)).ravel()
    second_fraction = np.asarray(others.max(axis=1).todense()).ravel()
    return pd.DataFrame(
        {
            "cell": cells,
            "metacell": name[label],
            "share": fraction,
            "second": np.where(second_fraction > 0, name[second], ""),
            "second_share": second_fraction,
        }
    )


def judge(
    sample: Paired,
    grouped: Grouped,
    settings: MetacellSettings | Mapping[str, Any],
    *,
    axes: Mapping[str, StateAxes] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Evaluate the metacells of every method.

    Columns: method, metric, modality (or column), value, conditioned_on. Metrics are those of
    :func:`panscape.coem.metacells.evaluate.measure`, by modality `heterogeneity` (mean over cells),
    `heterogeneity_limit` and `dubious` (fraction of metacells; all NaN in data without states, see
    :func:`panscape.coem.metacells.homogeneity.homogeneity`), `one_batch` by column of batches, if the sample
    has one (fraction of metacells of which 95 % of the cells are of one batch) and, for a learned embedding,
    what it tells of held-out cells (:func:`panscape.coem.metacells.learned.held_out_measures`).
    `conditioned_on` is :attr:`Grouped.conditioned`.

    Parameters
    ----------
    sample
        The sample.
    grouped
        Groupings of the sample.
    settings
        Permutations and columns of labels.
    axes
        Axes of each modality's states; found anew by default.
    seed
        Seed of the permutations.
    """
    chosen = MetacellSettings.of(settings)
    axes = sample_axes(sample, seed) if axes is None else axes
    spaces, depths = {}, {}
    for name, view, matrix in (
        ("rna", grouped.views.rna, sample.rna),
        ("atac", grouped.views.atac, sample.atac),
    ):
        if matrix is not None and view is not None:
            spaces[name] = diffusion_space(view, seed=seed)
            depths[name] = np.asarray(matrix.sum(axis=1)).ravel()
    labels, numbers = judged_columns(sample.obs, chosen.labels)
    batch = grouped.batch_key or batch_column(sample.obs, AUTO)
    rows = []
    for method in grouped.methods.columns:
        label = grouped.methods[method].to_numpy()
        measures = measure(label, spaces, depths=depths, labels=labels, numbers=numbers)
        for name, found in axes.items():
            measures += heterogeneity_rows(name, modality_scores(found, label, chosen, seed, name))
        if batch is not None:
            measures.append(("one_batch", batch, one_batch(label, sample.obs[batch].to_numpy())))
        if method == "coem":
            measures += held_out_measures(grouped.information, grouped.carried)
        rows += [(method, *row, grouped.conditioned[method]) for row in measures]
    return pd.DataFrame(rows, columns=["method", "metric", "modality", "value", "conditioned_on"])


def judged_columns(
    obs: pd.DataFrame, wanted: Sequence[str] | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the label and number columns for evaluation: all mapped columns, or the chosen ones."""
    labels, numbers = {}, {}
    for name in obs.columns:
        if name in JUDGED or (wanted is not None and name not in wanted) or obs[name].isna().all():
            continue
        if pd.api.types.is_numeric_dtype(obs[name].dtype) and not pd.api.types.is_bool_dtype(obs[name].dtype):
            numbers[name] = obs[name].to_numpy(dtype=float)
        elif obs[name].nunique() > 1:
            labels[name] = obs[name].to_numpy(dtype=object)
    return labels, numbers


def write_summed(summed: Summed, output: Any) -> None:
    """Write metacells.h5mu (`metacells`), assignments, the table of metacells and the metrics.

    In the h5mu file, `obsm` contains the mean coordinates, and ``uns/soft`` the soft assignment: cell,
    metacell, share.
    """
    soft = summed.soft.tocoo()
    uns = {
        "cell": summed.assignments["cell"].to_numpy(dtype=object),
        "metacell_of_cell": summed.assignments["metacell"].to_numpy(dtype=object),
        "soft_cell": soft.row.astype(np.int32),
        "soft_metacell": soft.col.astype(np.int32),
        "soft_share": soft.data.astype(np.float32),
    }
    write_h5mu(
        output.metacells, summed.modalities, summed.table, obsm={"X_embedding": summed.centres}, uns=uns
    )
    write_tsv(summed.assignments, output.assignments)
    write_tsv(summed.table.rename_axis("metacell").reset_index(), output.table)
    write_tsv(summed.metrics, output.metrics)


def write_grouped(grouped: Grouped, output: Any) -> None:
    """Write methods.tsv.gz (`methods`; numbers from 0), ladder.tsv and the embeddings (`views`)."""
    from anndata import AnnData

    table = pd.concat([grouped.methods, grouped.sweep_labels], axis=1)
    write_tsv(table.rename_axis("cell").reset_index(), output.methods)
    write_tsv(grouped.size_sweep if len(grouped.size_sweep) else pd.DataFrame(columns=["k"]), output.ladder)
    views = {"X_embedding": grouped.z, "X_rna": grouped.views.rna, "X_atac": grouped.views.atac}
    table = AnnData(
        obs=pd.DataFrame(index=grouped.methods.index),
        obsm={name: np.asarray(view, dtype=np.float32) for name, view in views.items() if view is not None},
        uns={
            "told": grouped.conditioned_on,
            "batch_key": grouped.batch_key,
            "information": json.dumps(dict(grouped.information)),
            "carried": json.dumps([dict(one) for one in grouped.carried]),
        },
    )
    write_h5ad(table, output.views, compressed=False)


def read_grouped(given: Any) -> Grouped:
    """Read the files written by :func:`write_grouped`."""
    table = read_tsv(given.methods, dtype={"cell": str}).set_index("cell")
    swept = [name for name in table if name[0] == "k" and name[1:].isdigit()]
    views = read_h5ad(given.views)
    arrays = {name: np.asarray(views.obsm[name], dtype=float) for name in views.obsm}
    return Grouped(
        table.drop(columns=swept),
        read_tsv(given.ladder),
        table[swept],
        Views(arrays.get("X_rna"), arrays.get("X_atac")),
        arrays["X_embedding"],
        str(views.uns["told"]),
        json.loads(views.uns["information"]),
        str(views.uns["batch_key"]),
        json.loads(views.uns["carried"]),
    )
