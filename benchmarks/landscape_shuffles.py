"""Do the p-values of the landscape hold? Type-I error where nothing is there to find.

Three kinds of shuffles, on clusters that nest and share cells, with the landscape itself left as it is:

- ages: dealt anew to what was sampled (the sample where a column says it, else the cell), then every p-value
  of every space; beside them `cluster permutation`, the p-value of `rho_age` if ages were permuted over
  clusters as if these were independent;
- genes: the values of each gene shuffled over the cells of each study (`cells`), or a level drawn for each
  disjoint cluster (`disjoint`), then the p-values of genes.tsv; beside them `all clusters`, Student's t over
  all clusters. `by type` is a caution, not a null of the test: levels drawn for each cell type, so that
  clusters of a type are alike;
- pairs: the values of each of some genes shuffled over the cells of each study, correlated in every cluster,
  then the p-values of pairs.tsv.

    python benchmarks/landscape_shuffles.py --data DATA --sets worm-one worm-batches --shuffles 1000

With --distance corrected the landscape is that of the corrected distance; simulations are then those of
landscape_evidence.py, as are the sets that only it has.

Prints the share of p <= 0.05 for each p-value that is given in at least half of the shuffles. Data sets that
DATA does not hold are skipped, with a note. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import landscape_settings
import numpy as np
import pandas as pd
from _evidence_sets import ALL, collection, scored
from landscape_settings import BEST, ETA, REAL, SIMULATED
from scipy import sparse

from panscape.coscape.landscape.age import GLOBAL, evaluate_spaces
from panscape.coscape.landscape.build import all_views, compute_landscape
from panscape.coscape.landscape.compare import design_of
from panscape.coscape.landscape.disjoint import disjoint_groups
from panscape.coscape.landscape.rank import rank_genes, rank_pairs
from panscape.coscape.landscape.sampling import sampled_cells
from panscape.coscape.landscape.testing import age_statistics, permutation_pvalue
from panscape.data.counts import Counts
from panscape.data.normalise import normalise
from panscape.stats.ranks import correlation_pvalues

LEVEL = 0.05


def ages(result, views, cells, settings, shuffles: int, seed: int) -> pd.DataFrame:
    """Return the p-values of all statistics for each shuffle of the ages over the units of all studies."""
    rows = []
    design = design_of(views, result.data.clusters, settings)[0]
    for turn in range(shuffles):
        rng = np.random.default_rng([seed, turn])
        drawn = replace(cells, unit_age=rng.permutation(cells.unit_age))
        age = drawn.ages()
        for (space, name), row in age_statistics(design, age, settings, turn, drawn).items():
            if np.isfinite(row.pvalue):
                rows.append((space, name, row.pvalue))
        naive = cluster_permutation(design, age, settings, turn)
        rows.append(("coexpression", "rho_age, cluster permutation", naive))
    return pd.DataFrame(rows, columns=["space", "statistic", "pvalue"])


def cluster_permutation(design, age: np.ndarray, settings, seed: int) -> float:
    """Return the p-value of rho_age if the clusters were independent."""
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(age))
    draws = np.tile(age, (settings.permutations + 1, 1))
    draws[1:, known] = rng.permuted(draws[1:, known], axis=1)
    one = replace(design, views=design.views[:1])
    values = evaluate_spaces(one, draws, None, (GLOBAL,))[0]["coexpression", "rho_age"]
    return permutation_pvalue(values[0], values[1:], exact=False)


def shared_genes(result) -> np.ndarray:
    """Return the genes that all studies measure: null genes are made of the values of these."""
    measured = result.data.measured
    return result.data.genes if measured is None else result.data.genes[measured.all(axis=0)]


def values_of(paths, studies, names) -> list[np.ndarray]:
    """Return the normalised values of some genes in each study, dense cells x genes."""
    outcome = []
    for study in studies:
        counts = Counts(paths[study.name])
        total = counts.obs["n_counts"].to_numpy()
        outcome.append(normalise(counts.select(list(names)), total, "depth-log1p").toarray())
    return outcome


def null_data(result, number: int, **kept):
    """Return the landscape's clusters with made-up genes in the place of its own."""
    names = np.array([f"null-{at}" for at in range(number)], dtype=object)
    return replace(result.data, genes=names, detection=None, expression=None, **{"mean": None, **kept})


def means(studies, values) -> np.ndarray:
    """Return the clusters' means, clusters x genes."""
    parts = []
    for study, block in zip(studies, values, strict=True):
        size = np.diff(study.members.indptr)[:, None]
        parts.append(np.asarray(study.members.astype(float) @ block) / size)
    return np.concatenate(parts)


def genes(result, studies, values, leaves, shuffles: int, seed: int, number: int = 200) -> pd.DataFrame:
    """Return the p-values of genes for each kind of null gene."""
    rows = []
    time = result.space.pseudotime
    for turn in range(shuffles):
        rng = np.random.default_rng([seed, turn])
        width = values[0].shape[1]
        chosen = rng.choice(width, min(number, width), replace=False)
        blocks = {
            "cells": [rng.permuted(block[:, chosen], axis=0) for block in values],
            "disjoint": [levels(disjoint_groups(study.members), len(chosen), rng) for study in studies],
        }
        if all("cell_type" in study.cells for study in studies):
            blocks["by type"] = [
                levels(pd.factorize(study.cells["cell_type"])[0], len(chosen), rng) for study in studies
            ]
        for kind, parts in blocks.items():
            mean = means(studies, parts)
            data = null_data(result, len(chosen), mean=mean)
            outcome = rank_genes(data, time, leaves)
            rows.append(("genes", kind, np.mean(outcome["pvalue"] <= LEVEL)))
            naive = correlation_pvalues(outcome["rho"].to_numpy(), int(np.isfinite(time).sum()) - 2)
            rows.append(("genes", f"{kind}, all clusters", np.mean(naive <= LEVEL)))
    return pd.DataFrame(rows, columns=["space", "statistic", "rate"])


def levels(code: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return cells x genes: a level for each group of cells and gene, and noise of the same size."""
    level = rng.normal(size=(code.max() + 2, number))
    return level[code] + rng.normal(size=(len(code), number))


def pairs(result, studies, values, leaves, shuffles: int, seed: int, number: int = 40) -> pd.DataFrame:
    """Return the p-values of the pairs of genes that have been shuffled independently."""
    rows = []
    upper = np.triu_indices(number, 1)
    place = np.stack(upper, axis=1)
    best = np.argsort(-np.mean([(block > 0).mean(axis=0) for block in values], axis=0), kind="stable")
    for turn in range(shuffles):
        rng = np.random.default_rng([seed, turn])
        chosen = rng.choice(best[: 4 * number], min(number, len(best)), replace=False)
        parts = []
        for study, block in zip(studies, values, strict=True):
            parts += correlations(study.members, rng.permuted(block[:, chosen], axis=0), upper)
        matrix = sparse.csr_matrix(np.stack(parts))
        data = null_data(result, number, matrix=matrix, pairs=place)
        time = result.space.pseudotime
        outcome = rank_pairs(data, time, leaves, listed=0)
        tested = outcome["pvalue"].notna()
        rows.append(("pairs", "cells", np.mean(outcome["pvalue"][tested] <= LEVEL)))
        naive = correlation_pvalues(outcome["rho"][tested].to_numpy(), int(np.isfinite(time).sum()) - 2)
        rows.append(("pairs", "cells, all clusters", np.mean(naive <= LEVEL)))
    return pd.DataFrame(rows, columns=["space", "statistic", "rate"])


def correlations(members, block: np.ndarray, upper) -> list[np.ndarray]:
    """Return the correlations that pass the threshold, one row per cluster."""
    outcome = []
    for row in range(members.shape[0]):
        part = block[members.indices[members.indptr[row] : members.indptr[row + 1]]].astype(float)
        part -= part.mean(axis=0)
        length = np.sqrt((part**2).sum(axis=0))
        part /= np.where(length > 1e-9, length, 1)
        r = (part.T @ part)[upper]
        outcome.append(np.where(np.abs(r) >= ETA, r, 0))
    return outcome


def clustered(name: str, args, folder: Path) -> tuple[dict[str, Path], list] | None:
    """Return the counts and the clustered studies of a set; None if its data are missing."""
    if args.distance == "corrected" or name not in (*REAL, *SIMULATED):
        given = collection(name, 0, folder, args.data)
        return None if given is None else (given.paths, scored(given, "pearson", BEST.top_pairs))
    ready = landscape_settings.prepare(name, args.data, folder / name, args.cells)
    if ready is None:
        return None
    paths, selected, smallest = ready
    correlating = {"eta": ETA, "normalisation": "depth-log1p"}
    return paths, landscape_settings.chain(paths, selected, smallest, 0, {}, correlating)


def study_set(name: str, args, folder: Path) -> list[pd.DataFrame]:
    """Return the shares of p <= 0.05 on one data set."""
    ready = clustered(name, args, folder)
    if ready is None:
        return []
    paths, studies = ready
    settings = replace(BEST, permutations=args.permutations, bootstraps=0, distance=args.distance)
    result = compute_landscape(studies, replace(settings, permutations=0), 0)
    cells = sampled_cells(studies)
    views = all_views(result.data, result.space, settings)
    start = time.perf_counter()
    outcome = ages(result, views, cells, settings, args.shuffles, 1)
    rates = outcome.assign(rate=outcome["pvalue"] <= LEVEL).groupby(["space", "statistic"], sort=False)[
        "rate"
    ]
    often = rates.mean()[rates.count() >= args.shuffles / 2]  # others are tested in few shuffles
    parts = [often.reset_index()]
    values = values_of(paths, studies, shared_genes(result))
    for test in (genes, pairs):
        one = test(result, studies, values, cells.leaves, min(args.shuffles, 200), 2)
        parts.append(one.groupby(["space", "statistic"], sort=False)["rate"].mean().reset_index())
    table = pd.concat(parts, ignore_index=True).assign(set=name)
    print(
        f"\n{name}: {len(result.data.clusters)} clusters, {len(cells.leaves)} disjoint; {cells.described}; "
        f"{args.shuffles} shuffles x {args.permutations} permutations, {time.perf_counter() - start:.0f} s"
    )
    wide = table.pivot_table(index="statistic", columns="space", values="rate", sort=False)
    with pd.option_context("display.width", 220, "display.max_rows", None, "display.max_columns", None):
        print(wide.round(3).to_string(na_rep=""), flush=True)
    return [table]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the h5ad files; without it only simulations")
    parser.add_argument("--sets", nargs="+", default=[*REAL, *SIMULATED], choices=ALL)
    parser.add_argument("--distance", default="thresholded", choices=["thresholded", "corrected"])
    parser.add_argument("--shuffles", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--cells", type=int, default=1500, help="cells per simulated study")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = [part for name in args.sets for part in study_set(name, args, Path(folder))]
    if not tables:
        print(json.dumps({"sets": []}))
        return
    table = pd.concat(tables)
    outside = ~table["statistic"].str.contains("cluster permutation|all clusters|by type")
    held = table[outside].groupby("set", sort=False)["rate"].agg(["min", "max", "count"])
    rates = {
        f"{row.set}: {row.space}, {row.statistic}": round(row.rate, 4)
        for row in table.itertuples(index=False)
    }
    print(json.dumps({"held": held.round(3).to_dict("index"), "rates": rates}))


if __name__ == "__main__":
    main()
