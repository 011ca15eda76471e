"""Models of lines: error on held-out cells, maps of cells and genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, table
from panscape.report.format import count, fixed, listing, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section

FOLDER = "sivae"
LINES, MODELS = f"{FOLDER}/lines.tsv", f"{FOLDER}/models.tsv"
ATTRIBUTIONS, LABELS = f"{FOLDER}/attributions.tsv", f"{FOLDER}/labels.tsv"
FIGURES = {
    "models": "Models beside principal components",
    "embeddings": "Cells and genes side by side",
    "training": "Training of the lines' models",
}
_TITLES = {
    "n_cells": "cells", "n_bins": "bins", "bin_cells": "cells a bin", "n_train": "trained on",
    "test_mse": "error",
    "pca_mse": "PCA", "null_mse": "null", "linear_mse": "linear reading", "active_dims": "dimensions in use",
    "n_labels": "labels", "macro_f1": "macro F1", "chance": "largest label",
}  # fmt: skip


def models(results: Results) -> pd.DataFrame:
    """Return the table of models with `collapsed` as bool."""
    rows = results.table(MODELS, dtype={"line": str, "bin": str})
    return rows.assign(collapsed=rows["collapsed"].astype(str) == "True")


def agreement(results: Results) -> float:
    """Return the median agreement of loadings with DeepLIFT over the dimensions in use; NaN without any."""
    attributions = results.table(ATTRIBUTIONS, dtype={"line": str, "bin": str})
    return float(attributions.loc[attributions["active"].astype(str) == "True", "deeplift"].median())


def _headline(results: Results) -> list[str]:
    lines = results.table(LINES, dtype={"line": str, "name": str})
    trained = models(results)
    binned = trained[~trained["bin"].str.startswith("half-")]
    error, plain = (
        binned["test_mse"].fillna(binned["train_mse"]),
        binned["pca_mse"].fillna(binned["pca_train_mse"]),
    )
    left = int((lines["status"] != "ok").sum())
    text = (
        f"{plural(binned['line'].nunique(), 'line')} got {plural(len(binned), 'model')}"
        f"{f'; {left} had too few cells' if left else ''}. {_on_what(binned)}, siVAE "
        f"{fixed(error.mean(), 3)} beside PCA {fixed(plain.mean(), 3)} "
        f"and {fixed(binned['null_mse'].mean(), 3)} for each gene's mean; "
        f"{plural(int(trained['collapsed'].sum()), 'model')} collapsed."
    )
    return [text]


def _on_what(per_bin: pd.DataFrame) -> str:
    """Name the cells that the error refers to: held-out ones, or those of training if there are none."""
    if per_bin["test_mse"].isna().all():
        return "Error on the training cells"
    return "Error on held-out cells" + (" (where there are any)" if per_bin["test_mse"].isna().any() else "")


def _blocks(results: Results) -> list[Block]:
    limit = results.table_rows
    lines = results.table(LINES, dtype={"line": str, "name": str})
    labels = results.table(LABELS, dtype={"line": str, "bin": str})
    shown = [
        "line",
        "bin",
        "n_train",
        "test_mse",
        "pca_mse",
        "null_mse",
        "linear_mse",
        "active_dims",
        "collapsed",
    ]
    pictures = {
        name: results.picture(f"{FOLDER}/figures/{name}", title, caption=caption(f"sivae_{name}"))
        for name, title in FIGURES.items()
    }
    agrees = agreement(results)
    blocks: list[Block] = [
        table(
            lines[["line", "study", "n_cells", "n_bins", "bin_cells", "discarded", "depth", "status"]],
            titles=_TITLES,
            caption="The lines and their bins; bins of a line are averaged before testing.",
            file=LINES,
            limit=limit,
        ),
        Gallery((pictures["models"],)),
        table(models(results)[shown], titles=_TITLES, caption="The models.", file=MODELS, limit=limit),
        Gallery((pictures["embeddings"],)),
    ]
    if agrees == agrees:
        text = (
            "Loadings describe the decoder if they agree with its attributions: the median rank "
            f"correlation with DeepLIFT over the dimensions in use is {fixed(agrees, 2)}."
        )
        blocks.append(Paragraph(text))
    if len(labels):
        blocks.append(
            table(
                labels,
                titles=_TITLES,
                caption="Labels of cells predicted from their nearest neighbours in the embedding "
                "(cross-validated).",
                file=LABELS,
                limit=limit,
            )
        )
    return [*blocks, Gallery((pictures["training"],))]


def bin_cells(results: Results) -> tuple[int, int] | None:
    """Return the minimum and maximum number of cells of a bin; None if no line has a model."""
    lines = results.table(LINES, dtype={"line": str})
    sizes = lines.loc[lines["status"] == "ok", "bin_cells"].dropna().astype(int)
    return None if sizes.empty else (int(sizes.min()), int(sizes.max()))


def _sizes(results: Results) -> str:
    """Describe the sizes of the bins."""
    sizes = bin_cells(results)
    if sizes is None:
        return "no line has enough cells"
    low, high = map(count, sizes)
    return f"{low} cells each" if low == high else f"{low} to {high} cells"


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    return [
        f"A siVAE ({_variant(used)}{used.get('likelihood')} likelihood, {used.get('n_latent')} "
        f"dimensions, interpretability weight {used.get('gamma')}) was trained on each bin of every line "
        f"({_sizes(results)}), {100 * used.get('held_out', 0):g} % of the cells held "
        "out; these also ended the training. A gene's "
        "centrality is the fraction of its variance that the model explains; networks join the "
        f"{100 * used.get('density', 0):g} % of gene pairs nearest by "
        f"{NETWORKS.get(str(used.get('network')), used.get('network'))}.{_thinned(results)}"
    ]


def _thinned(results: Results) -> str:
    """Return the sentence on the depth to which lines were thinned; empty if they were not."""
    lines = results.table(LINES, dtype={"line": str, "name": str})
    depths = lines["thinned_to"].dropna() if "thinned_to" in lines else lines.iloc[:0]
    if not len(depths):
        return ""
    shallow = lines.loc[lines["status"] == "too shallow", "name"].tolist()
    low, high = depths.min(), depths.max()
    median = (
        count(low) if low == high else f"{count(low)} to {count(high)} (the shallowest of each cell type)"
    )
    text = f" Counts of all lines were first thinned binomially to a median of {median} per cell."
    if shallow:
        text += f" Too shallow for a model: {listing(shallow)}."
    return text


NETWORKS = {
    "dot": "the dot product of their embeddings",
    "cosine": "the cosine of their embeddings",
    "euclidean": "the distance of their embeddings",
    "sampled-pearson": "Pearson's correlation in cells drawn from the model",
    "sampled-clr": "CLR in cells drawn from the model",
}


def _variant(used: Mapping[str, Any]) -> str:
    """Return the variant of the model; empty for the plain siVAE."""
    return "" if used.get("model") == "sivae" else f"variant {used.get('model')}, "


SECTION = Section(
    "sivae",
    "Models of lines",
    (LINES, MODELS, ATTRIBUTIONS, LABELS),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("choi2023sivae", "loshchilov2019adamw"),
    optional=True,
)  # fmt: skip
