"""siVAE on the donors of a study beside PCA and Pearson: held-out error, centrality, known interactions.

The h5ad has counts in X and obs columns `donor` and `library`. Genes: highest variance of log expression
over all cells; library means are removed, genes scaled, on training cells. Truth of centrality: a gene's
mean r^2 with all others over all cells of the donor. Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from panscape.data.normalise import normalise
from panscape.sivae.baselines import pca, pearson
from panscape.sivae.job import train
from panscape.sivae.network import correlation_network, network
from panscape.sivae.readout import read_models
from panscape.sivae.settings import SivaeSettings
from panscape.sivae.values import Expression, ValueSettings, prepare_bin


def prepare(path: str, genes: int, seed: int, donor: str, library: str) -> tuple[list[Expression], list[str]]:
    """Return a bin per donor, and the genes."""
    import anndata

    table = anndata.read_h5ad(path)
    counts = sparse.csr_matrix(table.X).astype(np.float32)
    totals = np.asarray(counts.sum(axis=1)).ravel()
    logged = normalise(counts, totals, "depth-log1p", target=1e4)
    second = np.asarray(logged.multiply(logged).mean(axis=0)).ravel()
    variance = second - np.square(np.asarray(logged.mean(axis=0)).ravel())
    common = np.asarray((counts > 0).sum(axis=0)).ravel() >= 3
    chosen = np.sort(np.argsort(-np.where(common, variance, -1), kind="stable")[:genes])
    settings = ValueSettings(regress=(library,))
    result = []
    for name in sorted(table.obs[donor].unique()):
        rows = np.flatnonzero(table.obs[donor] == name)
        obs = table.obs.iloc[rows].astype({library: str})
        parts = logged[rows][:, chosen], counts[rows][:, chosen]
        result.append(prepare_bin(str(name), "0", *parts, obs, settings, seed))
    return result, list(table.var_names[chosen])


def odds_ratio(
    edges: sparse.csr_matrix, known: set[tuple[int, int]], usable: np.ndarray
) -> tuple[float, float, float]:
    """Return the odds ratio of being known, a network's edges against other pairs, and its 95 % interval."""
    upper = sparse.triu(edges, 1).tocoo()
    both = sum((a, b) in known for a, b in zip(upper.row, upper.col, strict=True))
    n, count = int(usable.sum()), upper.nnz
    true = sum(usable[a] and usable[b] for a, b in known)
    a, b, c = both + 0.5, count - both + 0.5, true - both + 0.5
    d = n * (n - 1) / 2 - count - true + both + 0.5
    spread = 1.96 * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    ratio = a * d / b / c
    return ratio, ratio * np.exp(-spread), ratio * np.exp(spread)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("h5ad")
    parser.add_argument("--known", nargs="*", default=[], help="edge lists: TSV with two columns of genes")
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--donor", default="donor")
    parser.add_argument("--library", default="library")
    parser.add_argument("--set", default="{}", help="JSON: settings that differ from the defaults")
    given = parser.parse_args()
    settings = SivaeSettings(**json.loads(given.set))
    rows = []
    for seed in given.seeds:
        bins, genes = prepare(given.h5ad, given.genes, seed, given.donor, given.library)
        place = {gene: at for at, gene in enumerate(genes)}
        known = {}
        for path in given.known:
            pairs = pd.read_csv(path, sep="\t").iloc[:, :2].itertuples(index=False)
            ends = ((place[a], place[b]) for a, b in pairs if a in place and b in place and a != b)
            known[Path(path).name.split(".")[0]] = {(min(pair), max(pair)) for pair in ends}
        start = time.process_time()
        task, history = train(bins, settings, seed)
        spent = time.process_time() - start
        for item, fitted in zip(bins, read_models(task), strict=True):
            rows.append(row(item, fitted, known, settings) | {"seed": seed, "steps": history[-1]["step"]})
            print(rows[-1], flush=True)
        print(f"seed {seed}: {spent:.1f} CPU s for all donors", flush=True)
    print(json.dumps({"settings": json.loads(given.set), "cpu_seconds": spent, "rows": rows}))


def row(item: Expression, fitted, known: dict, settings: SivaeSettings) -> dict:
    """Return the measures of one donor."""
    bin_ = item.bin
    x, test = bin_.inputs.astype(float), bin_.test
    plain = pca(bin_, settings.n_latent)
    usable = (x[~test].std(axis=0) > 0) & (x[test].std(axis=0) > 0)
    squares = np.corrcoef(x[:, usable].T) ** 2
    truth = (squares.sum(axis=0) - 1) / (len(squares) - 1)
    error = {"sivae": fitted.error["heldout"], "pca": np.square(x[test] - plain.predict()[test]).mean(axis=0)}
    result = {"donor": bin_.line, "cells": int((~test).sum()), "null": fitted.total("heldout", "null_error")}
    for name, selected in error.items():
        result[f"{name}_mse"] = float(selected.mean())
        result[f"{name}_centrality"] = float(
            spearmanr(-(selected / x[test].var(axis=0).clip(1e-9))[usable], truth)[0]
        )
    varies = x[~test].any(axis=0)
    graphs = {
        "pearson": correlation_network(pearson(bin_), 0.01, varies),
        "pca_dot": network(plain.loadings, 0.01, "dot", varies),
        "sivae_dot": network(fitted.loadings, 0.01, "dot", varies),
        "sivae_euclidean": network(fitted.loadings, 0.01, "euclidean", varies),
    }
    for library, pairs in known.items():
        for name, graph in graphs.items():
            ratio, low, high = odds_ratio(graph, pairs, varies)
            result |= {
                f"{library}_{name}": ratio,
                f"{library}_{name}_interval": [round(low, 1), round(high, 1)],
            }
    return result


if __name__ == "__main__":
    main()
