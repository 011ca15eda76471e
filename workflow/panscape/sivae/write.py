"""Files of a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.data import files
from panscape.sivae.attribution import METHODS, agreement
from panscape.sivae.bin_names import COPY, HALVES
from panscape.sivae.correlations import correlated
from panscape.sivae.gene_table import gene_table, neighbour_table
from panscape.sivae.job import RECORDS, Read, ReadoutSettings
from panscape.sivae.labels import label_transfer
from panscape.sivae.network import correlation_network, dependence, network
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.values import ValueSettings


def write_line(
    folder: str | Path,
    reads: Sequence[Read],
    genes: Sequence[str],
    history: pd.DataFrame,
    model: SivaeSettings,
    readout: ReadoutSettings,
    values: ValueSettings,
    seed: int,
) -> None:
    """Write the tables, networks and embeddings of a line.

    Files: genes.tsv.gz, neighbours.tsv.gz, embedding.h5ad (genes), cells.h5ad, graph.npz, graph_pca.npz,
    graph_pearson.npz, graph_proportionality.npz, graph_corrected.npz (CSR, bins concatenated in the order of
    the tables), models.tsv, training.tsv, attributions.tsv and labels.tsv (header only if not requested).

    Parameters
    ----------
    folder
        Folder of the line.
    reads
        Bins of the line; whole bins first, then halves.
    genes
        Names of the F genes.
    history
        line, bin, step, split, term, value.
    model, readout, values, seed
        Settings and seed of the collection.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    graphs: dict[str, list[sparse.csr_matrix]] = {"graph": [], "graph_pca": []}
    correlations = []
    for read in reads:
        usable = read.expression.bin.scaled.varying
        graphs["graph"].append(model_network(read, readout, usable))
        graphs["graph_pca"].append(network(read.pca.loadings, readout.density, "dot", usable))
        name = read.expression.bin.name
        listed = 0 if name in HALVES or COPY in name else readout.n_neighbors
        correlations.append(correlated(read.expression, readout.density, usable, listed))
        for kind, engine in correlations[-1].items():
            graphs.setdefault(f"graph_{kind}", []).append(engine.graph)
    for name, parts in graphs.items():
        files.write_csr(sparse.vstack(parts, format="csr", dtype=bool), folder / f"{name}.npz")
    names = [read.expression.bin.name for read in reads]
    whole = [read for read, name in zip(reads, names, strict=True) if name not in HALVES and COPY not in name]
    files.write_tsv(gene_table(reads, genes, correlations), folder / "genes.tsv.gz")
    files.write_tsv(neighbour_table(reads, genes, readout, correlations), folder / "neighbours.tsv.gz")
    files.write_tsv(model_table(reads, history, model, readout), folder / "models.tsv")
    files.write_tsv(summarised(history), folder / "training.tsv")
    files.write_tsv(attribution_table(whole, readout, seed), folder / "attributions.tsv")
    files.write_tsv(label_table(whole, values, seed), folder / "labels.tsv")
    _write_embeddings(folder, reads, whole, genes)


def model_network(read: Read, readout: ReadoutSettings, usable: np.ndarray) -> sparse.csr_matrix:
    """Return the network of a model by the configured method, CSR bool (F, F).

    Parameters
    ----------
    read
        A trained bin.
    readout
        Metric and density.
    usable
        bool, (F,): genes that may have edges.
    """
    if read.sampled is not None:
        values = dependence(read.sampled, readout.network.removeprefix("sampled-"))
        return correlation_network(values, readout.density, usable)
    return network(read.fitted.loadings, readout.density, readout.network, usable, readout.min_norm)


def model_table(
    reads: Sequence[Read], history: pd.DataFrame, model: SivaeSettings, readout: ReadoutSettings
) -> pd.DataFrame:
    """Return one row per bin: sizes, and errors of model, linear reconstruction, PCA and null.

    Errors are means over genes and cells of squared errors of scaled expression (with counts, the model's and
    the null's are deviances). `collapsed`: whether the model improves on the null by less than the fraction
    `min_gain`.

    Parameters
    ----------
    reads
        Trained bins.
    history
        Loss terms: bin, step, split, term, value.
    model, readout
        Settings.
    """
    rows = []
    for read in reads:
        bin_, fitted = read.expression.bin, read.fitted
        split = "heldout" if bin_.test.any() else "train"
        seen, unseen = ((bin_.inputs - read.pca.predict()) ** 2)[~bin_.test], None
        if bin_.test.any():
            unseen = float(((bin_.inputs - read.pca.predict()) ** 2)[bin_.test].mean())
        error, null = fitted.total(split), fitted.total(split, "null_error")
        spread = fitted.loadings.std(axis=0)
        rows.append(
            {
                "line": bin_.line,
                "bin": bin_.name,
                "n_train": int((~bin_.test).sum()),
                "n_heldout": int(bin_.test.sum()),
                "steps": int(history.loc[history["bin"] == bin_.name, "step"].max()),
                "train_mse": fitted.total("train"),
                "test_mse": fitted.total("heldout"),
                "linear_mse": fitted.total(split, "linear_error"),
                "null_mse": null,
                "pca_train_mse": float(seen.mean()),
                "pca_mse": unseen,
                "active_dims": int((spread > 0.3 * spread.max()).sum()) if spread.max() > 0 else 0,
                "constant_genes": int((~bin_.scaled.varying).sum()),
                "collapsed": not error < (1 - model.min_gain) * null,
            }
        )
    return pd.DataFrame(rows)


def summarised(history: pd.DataFrame) -> pd.DataFrame:
    """Return line, bin, step, split, term, value, thinned to about fifty steps per term."""
    parts = []
    for _, part in history.groupby(["bin", "split", "term"], sort=False):
        every = max(-(-len(part) // RECORDS), 1)
        parts.append(part.iloc[::-1].iloc[::every].iloc[::-1])
    columns = ["line", "bin", "step", "split", "term", "value"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def attribution_table(reads: Sequence[Read], readout: ReadoutSettings, seed: int) -> pd.DataFrame:
    """Return the agreement of loadings with attributions by dimension, for each whole bin.

    Parameters
    ----------
    reads
        Trained bins.
    readout
        Number of cells.
    seed
        Seed of the choice of cells.
    """
    rows: list[dict[str, Any]] = []
    for read in reads if readout.attribution_cells else []:
        bin_ = read.expression.bin
        train = np.flatnonzero(~bin_.test)
        random = seeds.stream(seed, "sivae", "attribution", bin_.line, bin_.name)
        cells = random.permutation(train)[: readout.attribution_cells]
        results = agreement(read.fitted.decoder, read.fitted.scores[cells], read.fitted.loadings)
        rows.extend({"bin": bin_.name, **row} for row in results)
    return pd.DataFrame(rows, columns=["bin", "dimension", "spread", "active", *METHODS])


def label_table(reads: Sequence[Read], values: ValueSettings, seed: int) -> pd.DataFrame:
    """Return bin, model, accuracy, macro_f1, chance, n_cells, n_labels of siVAE and PCA.

    Parameters
    ----------
    reads
        Trained bins.
    values
        Settings of the labels.
    seed
        Seed of the folds.
    """
    rows: list[dict[str, Any]] = []
    for read in reads:
        bin_ = read.expression.bin
        if bin_.labels is None:
            continue
        for model, scores in {"sivae": read.fitted.scores, "pca": read.pca.scores}.items():
            transfer = label_transfer(scores, bin_.labels, seed)
            if transfer:
                rows.append({"bin": bin_.name, "model": model, **transfer})
    columns = ["bin", "model", "accuracy", "macro_f1", "chance", "n_cells", "n_labels"]
    return pd.DataFrame(rows, columns=columns)


def _write_embeddings(
    folder: Path, reads: Sequence[Read], whole: Sequence[Read], genes: Sequence[str]
) -> None:
    """Write the genes' loadings per bin, and the cells' scores of the whole bins."""
    import anndata

    loadings: dict[str, np.ndarray] = {}
    for read in reads:
        name = read.expression.bin.name
        loadings |= {
            f"bin-{name}": read.fitted.loadings,
            f"sd-{name}": read.fitted.loadings_sd,
            f"pca-{name}": read.pca.loadings,
        }
    obs = pd.DataFrame(index=pd.Index(list(genes), dtype=object, name="gene"))
    table = anndata.AnnData(
        obs=obs, obsm=loadings, uns={"bins": [read.expression.bin.name for read in reads]}
    )
    files.write_h5ad(table, folder / "embedding.h5ad")
    parts = []
    for read in whole:
        bin_ = read.expression.bin
        part = pd.DataFrame({"bin": bin_.name, "heldout": bin_.test}, index=read.expression.cells.astype(str))
        if bin_.labels is not None:
            part["label"] = bin_.labels
        parts.append(part)
    scores = {
        "sivae": np.concatenate([read.fitted.scores for read in whole]),
        "sivae_sd": np.concatenate([read.fitted.scores_sd for read in whole]),
        "pca": np.concatenate([read.pca.scores for read in whole]),
    }
    table = anndata.AnnData(obs=pd.concat(parts), obsm=scores)
    files.write_h5ad(table, folder / "cells.h5ad")
