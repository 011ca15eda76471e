"""Heterogeneity of metacells against labels: real groupings, random, merged, and random within each label.

    python benchmarks/metacells_homogeneity.py --counts pancreas.h5ad --label cell_type --seeds 0 1 2

Real groupings are spectral ones of 20 to 120 cells per metacell and k-means, on 30 principal components.
Merged ones are pairs of spectral metacells of different labels, at random or the nearest. With --shares,
that part of each pure spectral metacell is replaced by cells of the nearest metacell of another label, or
of a random one: how many are dubious, and the AUC against the pure ones. Without --counts, three simulated
studies of one system are used. A metacell is pure if 95 % of its cells have its most frequent
label and impure under 80 %. Rows: AUC of heterogeneity for impure metacells among the real ones, for random
and merged ones against pure real ones; fraction dubious of each kind. The last line is one JSON object.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from panscape.coem.metacells.embed import pca  # noqa: E402
from panscape.coem.metacells.evaluate import purity  # noqa: E402
from panscape.coem.metacells.group import group_cells, group_kmeans  # noqa: E402
from panscape.coem.metacells.homogeneity import homogeneity  # noqa: E402
from panscape.coem.metacells.state_axes import state_axes  # noqa: E402

MAX_CELLS = 3000
SMALLEST = 10  # cells: smaller metacells are left out, their purity is coarse
PURE, IMPURE = 0.95, 0.8
COMPARED = ("random", "merged", "near")


def given(path: str | None, label: str, seed: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return counts and labels of at most 3000 cells of an h5ad file, or of a simulated system."""
    if path:
        import anndata

        data = anndata.read_h5ad(path)
    else:
        from panscape.simulate import simulate_atlas

        data = simulate_atlas(seed=seed)
    counts = sparse.csr_matrix(data.X, dtype=np.float64)
    kind = data.obs[label].astype(str).to_numpy(dtype=object)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(kind), min(len(kind), MAX_CELLS), replace=False))
    rows = rows[np.asarray(counts[rows].sum(axis=1)).ravel() > 0]
    return counts[rows], kind[rows]


def groupings(z: np.ndarray, kind: np.ndarray, seed: int) -> list[tuple[str, np.ndarray]]:
    """Return (family, metacell of each cell or -1) of all groupings."""
    rng, n = np.random.default_rng(seed), len(kind)
    found = []
    for size in (20, 40, 75, 120):
        label = group_cells(z, max(n // size, 4), seed=seed).label
        found.append(("real", label))
        if size in (40, 75):
            found += [
                ("real", group_kmeans(z, max(n // size, 4), seed=seed).label),
                ("random", rng.permutation(n) % (n // size)),
                ("within", _within(kind, size, rng)),
                ("merged", _merged(label, kind, None, rng)),
                ("near", _merged(label, kind, z, rng)),
            ]
    return found


def _within(kind: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return random groups of the cells of each label."""
    label, used = np.full(len(kind), -1), 0
    for value in np.unique(kind):
        rows = rng.permutation(np.flatnonzero(kind == value))
        count = max(round(len(rows) / size), 1)
        label[rows] = np.arange(len(rows)) % count + used
        used += count
    return label


def _merged(
    label: np.ndarray, kind: np.ndarray, z: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Return pairs of metacells with different labels, the nearest in `z` or random ones; -1 elsewhere."""
    k = int(label.max()) + 1
    mode = np.array([pd.Series(kind[label == m]).mode()[0] for m in range(k)])
    centre = None if z is None else np.stack([z[label == m].mean(axis=0) for m in range(k)])
    result, free, pairs = np.full(len(label), -1), np.ones(k, dtype=bool), 0
    for a in rng.permutation(k):
        others = np.flatnonzero(free & (mode != mode[a]))
        if not free[a] or not len(others):
            continue
        apart = rng.random(len(others)) if centre is None else ((centre[others] - centre[a]) ** 2).sum(axis=1)
        b = others[apart.argmin()]
        result[(label == a) | (label == b)] = pairs
        free[[a, b]], pairs = False, pairs + 1
    return result


def mixed(z: np.ndarray, kind: np.ndarray, share: float, near: bool, seed: int) -> np.ndarray:
    """Return pure metacells of 50 cells with a share of cells from one of another label; -1 elsewhere."""
    rng = np.random.default_rng([seed, round(1000 * share), near])
    label = group_cells(z, max(len(kind) // 50, 4), seed=seed).label
    k = int(label.max()) + 1
    mode = np.array([pd.Series(kind[label == m]).mode()[0] for m in range(k)])
    centre = np.stack([z[label == m].mean(axis=0) for m in range(k)])
    pure = purity(label, kind) >= PURE
    result, free = np.full(len(label), -1), np.ones(len(label), dtype=bool)
    for a in rng.permutation(np.flatnonzero(pure)):
        others = np.flatnonzero(pure & (mode != mode[a]))
        if not len(others):
            continue
        apart = ((centre[others] - centre[a]) ** 2).sum(axis=1) if near else rng.random(len(others))
        mine = np.flatnonzero((label == a) & free)
        theirs = np.flatnonzero((label == others[apart.argmin()]) & free)
        foreign = round(share * len(mine))
        if len(mine) < SMALLEST or len(theirs) < foreign or not foreign:
            continue
        cells = np.concatenate([rng.permutation(mine)[foreign:], rng.permutation(theirs)[:foreign]])
        result[cells], free[cells] = a, False
    return np.where(result < 0, -1, np.unique(result, return_inverse=True)[1] - (result < 0).any())


def scored(
    counts: sparse.csr_matrix, kind: np.ndarray, seed: int, shares: list[float]
) -> tuple[pd.DataFrame, float]:
    """Return family, purity, heterogeneity and dubious of all metacells, and CPU seconds of the scores."""
    z = pca(counts, 30)
    groups = groupings(z, kind, seed)
    for share in shares:
        groups += [
            (f"{which} {share:g}", mixed(z, kind, share, which == "nearest", seed))
            for which in ("nearest", "other")
        ]
    start = time.process_time()
    axes, tables = state_axes(counts, seed=seed), []
    for family, label in groups:
        if label.max() < 1:
            continue
        used = np.where(label < 0, label.max() + 1, label)
        table = homogeneity(axes, used, seed=seed).iloc[: int(label.max()) + 1]
        known = label >= 0
        tables.append(table.assign(family=family, purity=purity(label[known], kind[known])))
    every = pd.concat(tables, ignore_index=True)
    return every[every["n_cells"] >= SMALLEST], time.process_time() - start


def summary(table: pd.DataFrame, shares: list[float]) -> dict[str, float]:
    """Return the AUCs and the fractions of dubious metacells."""
    real = table[table["family"] == "real"]
    pure, impure = real[real["purity"] >= PURE], real[real["purity"] < IMPURE]
    of = {name: table[(table["family"] == name) & (table["purity"] < IMPURE)] for name in COMPARED}
    good = real[real["purity"] >= IMPURE]
    row = {
        "n impure": len(impure),
        "n pure": len(pure),
        "AUC real": _auc(impure, good),
        **{f"AUC {name}": _auc(part, pure) for name, part in of.items()},
    }
    for name, part in {
        "pure": pure,
        "impure": impure,
        **of,
        "within": table[table["family"] == "within"],
    }.items():
        row[f"dubious {name}"] = float(part["dubious"].mean())
    for name in (f"{which} {share:g}" for share in shares for which in ("nearest", "other")):
        part = table[table["family"] == name]
        row |= {f"n {name}": len(part), f"AUC {name}": _auc(part, pure)}
        row[f"dubious {name}"] = float(part["dubious"].mean())
    # of the real ones that are impure: what share is not of the commonest label
    row["foreign share of impure (median)"] = float(1 - impure["purity"].median())
    return {**row, "limit": float(table["limit"].iloc[0])}


def _auc(bad: pd.DataFrame, good: pd.DataFrame) -> float:
    values = pd.concat([bad["heterogeneity"], good["heterogeneity"]]).to_numpy()
    truth, known = np.repeat([1, 0], [len(bad), len(good)]), np.isfinite(values)
    return roc_auc_score(truth[known], values[known]) if len(set(truth[known])) == 2 else float("nan")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", help="h5ad file of raw counts")
    parser.add_argument("--label", default="cell_type", help="column of obs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--shares", type=float, nargs="*", default=[], help="parts replaced in pure metacells"
    )
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        table, cpu = scored(*given(options.counts, options.label, seed), seed, options.shares)
        rows.append({**summary(table, options.shares), "cpu_s": cpu})
    wide = pd.DataFrame(rows, index=pd.Index(options.seeds, name="seed")).T
    wide["mean"] = wide.mean(axis=1)
    print(wide.round(3).to_string())
    mean = {name: round(float(value), 4) for name, value in wide["mean"].items() if np.isfinite(value)}
    print(json.dumps({"data": options.counts or "simulated", "seeds": options.seeds, "mean": mean}))


if __name__ == "__main__":
    main()
