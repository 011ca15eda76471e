"""What ``coexpression.estimator`` and the weights of pairs change in the stages that read the correlations.

Pearson's correlations, those corrected for counting, these shrunk by their errors (``shrinkage: posterior``),
and all times the root of the pairs' weights, on the same panclusters and over the same pairs (with at least
10 cells that would show both genes by chance):

- planted: share of truly coupled pairs (.3 or more in a cluster) among as many strongest ones, mean over
  clusters with at least 20: what dictionaries and networks are made of;
- age: share of pairs whose true coupling follows age (rho of .5 or more, the sign included) among as many
  that follow it most, Pearson's with 0 below .2; others with the same threshold, and ("as many") with that
  by which as many values are left;
- change: correlation of the change of coupling from the younger to the older half of the largest study with
  the true one, and of that between two halves of the cells, as the networks of UniCoord compare;
- known: how many times as many edges of a known network are among the 1000 strongest pairs of a cluster as in
  random pairs of its genes, mean over clusters: what an overlap with a network starts from.

The first three are of simulated systems, the last of real data (skipped, with a note, without DATA).

    python benchmarks/coexpression_estimators.py --work WORK --data DATA --seeds 20 21

The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _evidence_sets import FRESH, OLDER, Collection, collection
from landscape_settings import LOOSE, simulated
from scipy import sparse

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.coexpression.signal import choose_pairs
from panscape.coscape.panclust.pancluster import pancluster
from panscape.data.counts import Counts
from panscape.data.edge_lists import read_network
from panscape.preprocess.genes import genes_of, select_genes
from panscape.preprocess.study import filter_study
from panscape.simulate.design import System, coupling, design
from panscape.simulate.draw import study as draw_study
from panscape.simulate.shapes import SHAPES
from panscape.stats.ranks import spearman_rows

ESTIMATORS = {
    "pearson": {"estimator": "pearson"},
    "corrected": {"estimator": "corrected"},
    "corrected, shrunk": {"estimator": "corrected", "shrinkage": "posterior"},
}
SIMULATED = ("simulated", "simulated-sparse", "uneven", "log-age", "nuclei")
REAL = {  # file, rows to keep, networks
    "islets": (
        "pancreas_human_baron2016.h5ad",
        "donor == 'human3'",
        ("string_human", "genemania_human", "dorothea_ABC_human"),
    ),
    "islets, mouse": ("pancreas_mouse_baron2016.h5ad", None, ("string_mouse", "dorothea_ABC_mouse")),
    "blood": ("hema_mouse_invitro_weinreb2020_subset.h5ad", None, ("string_mouse", "dorothea_ABC_mouse")),
    "a549": (
        "paired_human_A549_scicar_rna.h5ad",
        None,
        ("string_human", "genemania_human", "dorothea_ABC_human"),
    ),
}
COUPLED, FEWEST, CHANGES, ETA, LEAST_EXPECTED, STRONGEST, GENES = 0.3, 20, 0.5, 0.2, 10.0, 1000, 1200


@dataclass(frozen=True)
class Correlated:
    """Correlations of all pairs in the clusters of a study.

    Attributes
    ----------
    values
        Estimator -> float32 (n_clusters, n_pairs), upper triangle row by row.
    signals
        Estimator -> its signal.
    valid
        bool (n_clusters, n_pairs).
    """

    values: dict[str, np.ndarray]
    signals: dict
    valid: np.ndarray


def correlate(path: Path, genes: list[str], table: pd.DataFrame, members: sparse.csr_matrix) -> Correlated:
    """Correlate all pairs of genes in every cluster by each estimator."""
    names, values, signals = pd.Index(genes), {}, {}
    first, second = np.triu_indices(len(genes), 1)
    for estimator, how in ESTIMATORS.items():
        how = {**how, "eta": 0.0, "normalisation": "depth-log1p"}
        done = coexpress(path, genes, table, members, how, signal=True)
        a, b = (names.get_indexer(done.pairs[name]) for name in ("gene_a", "gene_b"))
        apart = np.flatnonzero(a != b)
        at = (a * (2 * len(genes) - a - 1) // 2 + b - a - 1)[apart]
        full = np.zeros((len(table), len(first)), dtype=np.float32)
        full[:, at] = done.matrix[:, apart].toarray()
        values[estimator], signals[estimator] = full, done.signal
        detection = np.asarray(done.expression.layers["detection"])
    size = np.diff(members.indptr)[:, None]
    valid = detection[:, first] * detection[:, second] * size >= LEAST_EXPECTED
    return Correlated(values, signals, valid)


def ranked(found: Correlated, genes: list[str], signals: dict[str, list]) -> dict[str, np.ndarray]:
    """Return what orders the pairs of each cluster: absolute correlations, and the same times root weight."""
    result = {}
    names = pd.Index(genes)
    for estimator, values in found.values.items():
        result[estimator] = np.abs(values) * found.valid
        chosen = choose_pairs(signals[estimator], list(names), len(names) ** 2)
        weight = np.zeros((len(names),) * 2, dtype=np.float32)
        at = (names.get_indexer(chosen[name]) for name in ("gene_a", "gene_b"))
        weight[tuple(at)] = np.sqrt(chosen["weight"])
        result[f"{estimator}, weighted"] = result[estimator] * weight[np.triu_indices(len(names), 1)]
    return result


def share_found(score: np.ndarray, true: np.ndarray, valid: np.ndarray) -> float:
    """Return the share of the true pairs among as many of largest score; NaN for fewer than 20."""
    true = true & valid
    count = int(true.sum())
    if count < FEWEST:
        return float("nan")
    return float(true[np.argpartition(-score, count - 1)[:count]].mean())


def system_of(name: str, seed: int) -> System:
    """Return the simulated system of a collection."""
    settings = simulated(name, 1500, 0) if name in OLDER else SHAPES[name]()
    return design(settings, FRESH + seed)


def truth(system: System, study: str, cells: pd.Index) -> np.ndarray:
    """Return the true coupling (n_cells, n_modules + 1) of each module in cells; the last is that of none."""
    obs = draw_study(system, study).obs.loc[cells]
    strength = coupling(system, obs["true_age"].to_numpy(), obs["lineage"].astype(str).to_numpy())
    return np.column_stack([strength, np.zeros(len(obs))])


def modules_of_pairs(system: System, genes: list[str]) -> np.ndarray:
    """Return the number of the module of both genes of each pair, that of no module being the last."""
    module = system.genes.set_index("gene")["module"].reindex(genes).to_numpy()
    place = pd.Index(system.modules["module"]).get_indexer(module)
    first, second = np.triu_indices(len(genes), 1)
    return np.where((place[first] == place[second]) & (place[first] >= 0), place[first], len(system.modules))


def measure_simulated(given: Collection) -> dict[str, dict[str, float]]:
    """Return variant -> what is found in a simulated collection."""
    system, genes = system_of(given.name, given.seed), list(given.studies[0].genes)
    measured = ~np.any([np.isnan(study.detection[0]) for study in given.studies], axis=0)
    genes = [gene for gene, known in zip(genes, measured, strict=True) if known]
    module, parts = modules_of_pairs(system, genes), []
    for study in given.studies:
        found = correlate(given.paths[study.name], genes, study.clusters, study.members)
        strength = truth(system, study.name, Counts(given.paths[study.name]).cells)
        mean = sparse.csr_matrix(study.members) @ strength / np.diff(study.members.indptr)[:, None]
        parts.append((found, mean))
    signals = {name: [found.signals[name] for found, _ in parts] for name in ESTIMATORS}
    planted: dict[str, list[float]] = {}
    for found, mean in parts:
        for name, score in ranked(found, genes, signals).items():
            rows = zip(score, mean[:, module] >= COUPLED, found.valid, strict=True)
            planted.setdefault(name, []).extend(share_found(*row) for row in rows)
    result = {name: {"planted": float(np.nanmean(values))} for name, values in planted.items()}
    age = np.concatenate([study.clusters["age"].to_numpy(dtype=float) for study in given.studies])
    for name, value in along_age(parts, module, age).items():
        result.setdefault(name, {})["age"] = value
    largest = max(given.studies, key=lambda study: study.members.shape[1])
    for name, values in change_found(system, given.paths[largest.name], largest.name, genes, module).items():
        result[name] |= values
    return result


def along_age(parts: list, module: np.ndarray, age: np.ndarray) -> dict[str, float]:
    """Return the share of pairs that follow age among those that seem to, at equal numbers."""
    valid = np.concatenate([found.valid for found, _ in parts])
    columns = np.flatnonzero(valid.sum(axis=0) >= FEWEST)
    true = spearman_rows(np.concatenate([mean for _, mean in parts]).T, age)
    true = np.nan_to_num(true)[module[columns]]
    follows = np.abs(true) >= CHANGES
    values = {}
    for name in ESTIMATORS:
        values[name] = np.concatenate([found.values[name][:, columns] for found, _ in parts])
        values[name] *= valid[:, columns]
    kept = int((np.abs(values["pearson"]) >= ETA).sum())
    limits = {(name, name): ETA for name in ESTIMATORS}
    for name in ESTIMATORS:
        absolute = np.abs(values[name]).ravel()
        least = np.partition(absolute, len(absolute) - kept)[len(absolute) - kept]
        limits |= {} if name == "pearson" else {(f"{name}, as many", name): least}
    found = {}
    for (variant, name), limit in limits.items():
        value = values[name]
        rho = np.nan_to_num(spearman_rows(np.where(np.abs(value) >= limit, value, 0).T, age))
        seen = np.where(np.sign(rho) == np.where(follows, np.sign(true), np.sign(rho)), np.abs(rho), 0)
        found[variant] = share_found(seen, follows, np.ones(len(seen), dtype=bool))
    return found


def change_found(system, path: Path, study: str, genes: list[str], module: np.ndarray) -> dict[str, dict]:
    """Return how well the change from the younger to the older half of a study's cells is estimated."""
    counts = Counts(path)
    age = draw_study(system, study).obs.loc[counts.cells, "true_age"].to_numpy()
    half = np.random.default_rng(0).permutation(len(age)) % 2
    group = 2 * (age > np.median(age)) + half
    order = np.argsort(group, kind="stable")
    members = sparse.csr_matrix((np.ones(len(age)), (group[order], order)), shape=(4, len(age)))
    table = pd.DataFrame({"cluster": list("abcd"), "parent": "", "n_cells": np.diff(members.indptr)})
    found = correlate(path, genes, table, members)
    strength = members @ truth(system, study, counts.cells) / np.diff(members.indptr)[:, None]
    true = (strength[2:] - strength[:2]).mean(axis=0)[module]
    kept = found.valid.all(axis=0) & (module < len(system.modules))
    result = {}
    for name, values in found.values.items():
        first, second = values[2][kept] - values[0][kept], values[3][kept] - values[1][kept]
        result[name] = {
            "change": float(np.corrcoef((first + second) / 2, true[kept])[0, 1]),
            "change_halves": float(np.corrcoef(first, second)[0, 1]),
        }
    return result


def measure_real(name: str, data: Path, work: Path, seed: int) -> list[dict]:
    """Return one row per known network and variant of a real study."""
    path, keep, networks = REAL[name]
    source = {"id": "all", "format": "h5ad", "counts": "X", "path": str(data / path), "keep": keep}
    work.mkdir(parents=True, exist_ok=True)
    counts = work / f"{name}.h5ad"
    species = "mouse" if networks[0].endswith("mouse") else "human"
    selection = select_genes(
        {"all": filter_study(source, counts, LOOSE, species=species).genes}, n_genes=GENES
    )
    genes = list(genes_of(selection, "all"))
    table, members = pancluster(counts, genes, {"min_cells": "auto"}, seed, study="all")
    found = correlate(counts, genes, table, members)
    scores = ranked(found, genes, {name: [found.signals[name]] for name in ESTIMATORS})
    first, second = np.triu_indices(len(genes), 1)
    rows = []
    for network in networks:
        known = read_network(data / "networks" / f"{network}.tsv.gz", network)
        places = pd.Index(genes).get_indexer(np.array(known.pairs).ravel()).reshape(-1, 2)
        edges = np.zeros((len(genes),) * 2, dtype=bool)
        edges[tuple(places[(places >= 0).all(axis=1)].T)] = True
        edges |= edges.T
        inside, edge = edges.any(axis=0), edges[first, second]
        both = inside[first] & inside[second]
        for variant, score in scores.items():
            folds = [fold(row, edge, both & valid) for row, valid in zip(score, found.valid, strict=True)]
            rows.append({"network": network, "variant": variant, "known": float(np.nanmean(folds))})
    return rows


def fold(score: np.ndarray, edge: np.ndarray, use: np.ndarray) -> float:
    """Return the density of edges among the strongest pairs over that among all; NaN with too few pairs."""
    if use.sum() < 5 * STRONGEST or edge[use].sum() < FEWEST:
        return float("nan")
    score, edge = score[use], edge[use]
    return float(edge[np.argpartition(-score, STRONGEST)[:STRONGEST]].mean() / edge.mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder kept between runs")
    parser.add_argument("--data", type=Path, help="folder with the real data and its networks")
    parser.add_argument("--sets", nargs="+", default=[*SIMULATED, *REAL], choices=[*SIMULATED, *REAL])
    parser.add_argument("--seeds", nargs="+", type=int, default=[20])
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    rows: list[dict] = []
    for name in args.sets:
        for seed in args.seeds:
            start = time.process_time()
            if name in SIMULATED:
                given = collection(name, seed, args.work, None)
                new = [{"variant": key, **found} for key, found in measure_simulated(given).items()]
            elif args.data is None or not (args.data / REAL[name][0]).exists():
                print(f"skipped {name}: no {REAL[name][0]} in {args.data}")
                continue
            else:
                new = measure_real(name, args.data, args.work / "estimators", seed)
            rows += [{"set": name, "seed": seed, **row} for row in new]
            print(f"{name}, seed {seed}: {time.process_time() - start:.0f} CPU s", flush=True)
            print(pd.DataFrame(new).round(3).to_string(index=False), flush=True)
    print(json.dumps({"benchmark": "coexpression_estimators", "rows": rows}))


if __name__ == "__main__":
    main()
