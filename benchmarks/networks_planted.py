"""Whether planted changes of connectivity are found, and a change of means alone is not taken for one.

Draws studies of cell lines in which one module of genes loses its correlation with a graded phenotype and
another changes its means only, fits a PCA to every bin of every line and averages a line's bins (or one
siVAE to every line, or takes a gene's mean squared correlation with the others), and tests every gene at the
level of lines. Says per seed how many genes of each module are found at FDR .05, without and with controls,
and how often permuted phenotypes are rejected at .05. The last line printed is one JSON object.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.simulate.lines import LinesSettings, lines_study
from panscape.sivae.networks.centrality import associate_genes
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.stats.adjusted import Adjusted
from panscape.stats.ranks import correlation_pvalues, spearman_rows


def lines_of(drawn):
    """Yield each line's counts, cells x genes."""
    pending = {}
    names = drawn.obs["line"].astype(str).to_numpy()
    for rows, block in drawn.blocks():
        chosen = names[rows]
        for name in dict.fromkeys(chosen):
            pending.setdefault(name, []).append(block[chosen == name].toarray())
    for name in drawn.lines["line"]:
        yield np.concatenate(pending.pop(name))


def scaled(counts):
    """Return scaled log expression and unscaled log expression."""
    depth = counts.sum(axis=1, keepdims=True)
    log = np.log1p(counts / depth * np.median(depth))
    return (log - log.mean(axis=0)) / np.maximum(log.std(axis=0), 1e-6), log


def explained(x, k):
    """Return the share of each gene's variance that k principal components explain in a held-out fifth."""
    train, test = x[: len(x) * 4 // 5], x[len(x) * 4 // 5 :]
    _, _, axes = np.linalg.svd(train, full_matrices=False)
    left = test - test @ axes[:k].T @ axes[:k]
    return 1 - np.square(left).mean(axis=0) / np.maximum(np.square(test).mean(axis=0), 1e-9)


def by_pca(blocks, args):
    """Return centrality (G, L) of PCAs averaged over bins, and that of single bins (G, L, bins)."""
    result = []
    for counts in blocks:
        parts = np.array_split(scaled(counts)[0], args.bins)
        result.append(np.stack([explained(part, args.k) for part in parts], axis=1))
    stacked = np.stack(result, axis=1)
    return stacked.mean(axis=2), stacked


def by_sivae(drawn, blocks, args, seed):
    """Return the centrality (G, L) of a siVAE per line, all of them trained side by side."""
    from scipy import sparse

    from panscape.sivae.job import train as sivae_train
    from panscape.sivae.readout import read_models
    from panscape.sivae.settings import SivaeSettings
    from panscape.sivae.values import ValueSettings, prepare_bin

    settings = SivaeSettings(
        n_latent=args.k, n_hidden=tuple(args.hidden), n_steps=tuple(args.steps), batch_size=512,
        learning_rate=0.002, warmup_steps=150, input_dropout=0.3, patience=10,
    )  # fmt: skip
    values = ValueSettings(labels=None)
    expressions = []
    for line, counts in zip(drawn.lines["line"], blocks, strict=True):
        obs = pd.DataFrame(index=[str(at) for at in range(len(counts))])
        log, raw = (sparse.csr_matrix(table) for table in (scaled(counts)[1], counts))
        expressions.append(prepare_bin(line, "0", log, raw, obs, values, seed))
    task, _ = sivae_train(expressions, settings, seed)
    return np.stack([np.nan_to_num(one.centrality()) for one in read_models(task)], axis=1)


def by_correlations(drawn, blocks, estimator):
    """Return each gene's mean squared correlation with the others in every line (G, L)."""
    from scipy import sparse

    from panscape.coscape.coexpression.coexpress import correlate_clusters
    from panscape.coscape.coexpression.corrected import correct_clusters
    from panscape.coscape.coexpression.settings import CORRECTED, CoexpressionSettings
    from panscape.coscape.coexpression.values import Values
    from panscape.coscape.coexpression.weights import fit_weights

    counts = sparse.csr_matrix(np.concatenate(blocks).astype(np.float32))
    totals = np.asarray(counts.sum(axis=1)).ravel()
    sizes = [len(block) for block in blocks]
    line = np.repeat(np.arange(len(blocks)), sizes)
    members = sparse.csr_matrix((np.ones(len(line)), (line, np.arange(len(line)))))
    settings = CoexpressionSettings(estimator=estimator, eta=0.0)
    values = Values(counts, totals, settings.normalisation, float(np.median(totals)))
    if estimator == CORRECTED:
        weights, genes = fit_weights(values, members), list(drawn.genes["gene"])
        kept, _ = correct_clusters(values, genes, members, settings, weights)
    else:
        kept = correlate_clusters(values, members, settings)
    result = np.zeros((counts.shape[1], len(blocks)))
    for row, found in kept:
        square = np.where(found.first != found.second, found.value.astype(np.float64) ** 2, 0)
        for ends in (found.first, found.second):
            result[:, row] += np.bincount(ends, square, len(result))
    return result / (len(result) - 1)


def test(drawn, centrality, controls, phenotype, permutations=200):
    """Return the genes' table with their roles."""
    table, null = associate_genes(
        centrality, phenotype, controls, drawn.genes["gene"], permutations=permutations
    )
    return table.assign(role=drawn.genes["role"].to_numpy()), null


def one_seed(seed, args):
    """Return what is found with one seed."""
    settings = LinesSettings(
        "lines", lines=args.lines, cells=args.cells, n_genes=args.genes, n_modules=args.modules,
        module_genes=args.module_genes, depth=args.depth, move=args.move, loss=args.loss,
    )  # fmt: skip
    drawn = lines_study(settings, seed)
    blocks = list(lines_of(drawn))
    controls = {
        "mean": np.stack([scaled(counts)[1].mean(axis=0) for counts in blocks], axis=1),
        "detection": np.stack([(counts > 0).mean(axis=0) for counts in blocks], axis=1),
        "depth": np.array([np.median(counts.sum(axis=1)) for counts in blocks]),
    }
    centrality, per_bin = by_pca(blocks, args)
    if args.sivae:
        centrality = by_sivae(drawn, blocks, args, seed)
    elif args.correlations:
        centrality = by_correlations(drawn, blocks, args.correlations)
    values = pd.Series(drawn.lines["phenotype"].to_numpy(), name="phenotype")
    phenotype, _ = read_phenotype(values)
    table, null = test(drawn, centrality, controls, phenotype)
    rows = table.groupby("role").agg(
        genes=("gene", "size"),
        raw=("fdr", lambda fdr: int((fdr < 0.05).sum())),
        controlled=("fdr_partial", lambda fdr: int((fdr < 0.05).sum())),
        called=("call", lambda call: int((call == "connectivity").sum())),
    )
    result = {f"{role}_{name}": int(value) for role, row in rows.iterrows() for name, value in row.items()}
    result["median_rho_loses"] = float(table.loc[table["role"] == "loses", "rho"].median())
    result["null_genes_raw"] = float(null["null_mean"].iloc[0])
    result |= errors(centrality, per_bin, controls, args.repeats, seed)
    return {"seed": seed, **result}


def errors(centrality, per_bin, controls, repeats, seed):
    """Return how often permuted phenotypes are rejected at .05, by lines and by bins."""
    rng = np.random.default_rng(seed)
    n, bins = per_bin.shape[1:]
    labels = np.stack([rng.permutation(n) for _ in range(repeats)])
    raw = correlation_pvalues(spearman_rows(centrality, labels), n - 2)
    partial = Adjusted(centrality, None, list(controls.values()))
    controlled = correlation_pvalues(partial.rho(labels), partial.freedom[:, None])
    flat = per_bin.reshape(len(per_bin), -1)
    by_bin = correlation_pvalues(spearman_rows(flat, np.repeat(labels, bins, axis=1)), n * bins - 2)
    shares = {"lines": raw, "lines_controlled": controlled, "bins": by_bin}
    return {f"type_one_{name}": float(np.nanmean(p < 0.05)) for name, p in shares.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field, default in (("lines", 30), ("cells", 1000), ("genes", 500), ("modules", 12)):
        parser.add_argument(f"--{field}", type=int, default=default)
    parser.add_argument("--module-genes", type=int, default=20)
    parser.add_argument("--bins", type=int, default=2, help="bins per line")
    parser.add_argument("--k", type=int, default=16)
    parser.add_argument("--depth", type=float, default=LinesSettings("x").depth)
    parser.add_argument("--move", type=float, default=LinesSettings("x").move)
    parser.add_argument("--loss", type=float, default=LinesSettings("x").loss)
    parser.add_argument("--sivae", action="store_true")
    parser.add_argument("--correlations", choices=["pearson", "corrected"], help="in place of a model")
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 64])
    parser.add_argument("--steps", type=int, nargs=3, default=[300, 300, 1200])
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args()
    start, rows = time.process_time(), []
    for seed in args.seeds:
        rows.append(one_seed(seed, args))
        print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    result = {
        "model": "sivae" if args.sivae else args.correlations or "pca",
        "lines": args.lines, "cells": args.cells, "genes": args.genes,
        "seeds_with_planted_module": int((table["loses_called"] >= table["loses_genes"] / 2).sum()),
        "seeds_with_mean_only_module_called": int((table["moves_called"] > 0).sum()),
        "mean": table.drop(columns="seed").mean().round(4).to_dict(),
        "cpu_s": time.process_time() - start,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
