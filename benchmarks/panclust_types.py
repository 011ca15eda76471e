"""How well panclusters recover cell types, on planted and real ones, for several settings.

Prints the mean over cell types of the best Jaccard index of a type with any pancluster (the root apart), per
data set and setting: mean over seeds and studies, and the worst seed. Counts types with at least as many
cells as the smallest cluster. Planted types are 30 per study, of unequal size, with gene modules that vary
within every type: `made` draws log-normal differences in all genes, in lineages; `markers` few strong ones
from gamma means; in `abundant` the modules are among the fifth of the genes with most counts, a case made to
show what `standardised` is for. In real data the labels are the authors'; those of `marrow` come from marker
genes and are weak (of a cell's 15 nearest neighbours 45 % have its label), and `a549` has hours of treatment
in place of types.

    python benchmarks/panclust_types.py --data DATA --sets made marrow islets --seeds 3

Sets that DATA does not hold are skipped, with a note. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.coscape.panclust.cluster_size import smallest_cluster
from panscape.coscape.panclust.pancluster import pancluster
from panscape.data.counts import Counts
from panscape.preprocess.genes import genes_of, select_genes
from panscape.preprocess.study import filter_study

TYPES, LINEAGES, MODULES, GENES = 30, 6, 40, 4000
LOOSE = {"min_counts": 0, "min_genes": 0, "max_mito": 1.0, "max_ribo": 1.0, "min_cells_per_gene": 3}


@dataclass(frozen=True)
class Real:
    """A file, its column of types, what its studies are and the types that are no types."""

    path: str
    types: str
    studies: str | None = None
    species: str = "other"
    not_types: tuple[str, ...] = ()


REAL = {
    "marrow": Real("hema_mouse_bm_inDrops_springHPC.h5ad", "cell_type_derived", species="mouse"),
    "marrow-libraries": Real("hema_mouse_bm_inDrops_springHPC.h5ad", "cell_type_derived", "batch", "mouse"),
    "blood": Real("hema_mouse_invitro_weinreb2020_subset.h5ad", "cell_type", species="mouse"),
    "islets": Real("pancreas_human_baron2016.h5ad", "cell_type", "donor", "human"),
    "islets-mouse": Real("pancreas_mouse_baron2016.h5ad", "cell_type", "library", "mouse"),
    "a549": Real("paired_human_A549_scicar_rna.h5ad", "time_h", species="human"),
    "worm": Real("neuro_worm_embryo_packer2019.h5ad", "cell_type"),
    "worm-batches": Real("neuro_worm_embryo_packer2019.h5ad", "cell_type", "batch"),
    "larva": Real("neuro_worm_L2_cao2017.h5ad", "cell_type", not_types=("Unclassified neurons",)),
}
SIMULATED = ("made", "markers", "abundant")
SETTINGS = {
    "depth-log1p": {"scaling": "depth-log1p"},
    "standardised": {"scaling": "standardised"},
    "leiden": {"algorithm": "leiden"},
    "ward": {"algorithm": "ward"},
    "leiden, standardised": {"algorithm": "leiden", "scaling": "standardised"},
    "ward, standardised": {"algorithm": "ward", "scaling": "standardised"},
    "l2, all genes": {"scaling": "l2", "genes": "all", "n_components": 100, "weights": "none"},
}


def simulate(name: str, n_cells: int, seed: int) -> ad.AnnData:
    """Draw a study with 30 planted cell types."""
    rng = np.random.default_rng([seed, SIMULATED.index(name)])
    kind = rng.choice(TYPES, n_cells, p=rng.dirichlet(np.full(TYPES, 1.5)))
    profile, module, depth = _planted(name, rng)
    rate = np.exp(profile[kind] + rng.normal(size=(n_cells, len(module))) @ module)
    rate *= (depth * rng.lognormal(0, 0.4, n_cells) / rate.sum(axis=1))[:, None]
    obs = pd.DataFrame({"type": [f"type{at}" for at in kind]}, index=[f"cell{i}" for i in range(n_cells)])
    var = pd.DataFrame(index=[f"gene{i}" for i in range(GENES)])
    return ad.AnnData(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)), obs=obs, var=var)


def _planted(name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return log rates (types, genes), effects of the modules (modules, genes), and counts per cell."""
    if name == "markers":
        base = np.log(rng.gamma(0.3, 1, GENES) + 1e-4)
        lineage = _markers(rng, LINEAGES, 0.05)[rng.integers(0, LINEAGES, TYPES)]
        module = np.where(rng.random((MODULES // 2, GENES)) < 0.03, 0.5, 0.0)
        return base + lineage + _markers(rng, TYPES, 0.02), module, 3000
    base, types = rng.normal(0, 1.2, GENES), rng.normal(0, 0.5, (TYPES, GENES))
    if name == "abundant":
        module = np.where(rng.random((MODULES // 2, GENES)) < 0.03, 1.2, 0.0)
        return base + types, module * (base > np.quantile(base, 0.8)), 1500
    lineage = rng.normal(0, 0.7, (LINEAGES, GENES))[rng.integers(0, LINEAGES, TYPES)]
    return base + lineage + types, np.where(rng.random((MODULES, GENES)) < 0.03, 0.8, 0.0), 1500


def _markers(rng: np.random.Generator, groups: int, share: float) -> np.ndarray:
    """Return (groups, genes): log fold changes, 0 in most genes."""
    return np.where(rng.random((groups, GENES)) < share, rng.normal(1.0, 1.0, (groups, GENES)), 0.0)


def studies_of(
    name: str, data: Path | None, folder: Path, cells: int, seed: int
) -> list[tuple[Path, tuple]] | None:
    """Write the counts of each study of a set; return (path, genes, types that are none) of each."""
    folder.mkdir(parents=True, exist_ok=True)
    if name in SIMULATED:
        set_, raw = Real(f"{name}.raw.h5ad", "type"), folder / f"{name}.raw.h5ad"
        simulate(name, cells, seed).write_h5ad(raw)
    else:
        set_ = REAL[name]
        raw = Path() if data is None else data / set_.path
        if not raw.is_file():
            print(f"skipped {name}: no {set_.path} in {data}")
            return None
    parts = [None]
    if set_.studies:
        parts = sorted(ad.read_h5ad(raw, backed="r").obs[set_.studies].astype(str).unique())
    found, tables = {}, {}
    for part in parts:
        at = str(part or name)
        source = {
            "id": at,
            "format": "h5ad",
            "counts": "X",
            "path": str(raw),
            "obs": {"cell_type": {"column": set_.types}},
        }
        source["keep"] = f"{set_.studies} == '{part}'" if part else None
        found[at] = folder / f"{at}.h5ad"
        tables[at] = filter_study(source, found[at], LOOSE, species=set_.species).genes
    selection = select_genes(tables)
    return [(path, genes_of(selection, at), set_.not_types) for at, path in found.items()]


def best_jaccard(members: sparse.csr_matrix, labels: np.ndarray, least: int, leave: tuple = ()) -> pd.Series:
    """Return the best Jaccard index of each type of at least `least` cells with any cluster but the root.

    Examples
    --------
    >>> members = sparse.csr_matrix([[1, 1, 1, 1], [1, 1, 1, 0]])
    >>> best_jaccard(members, np.array(["a", "a", "b", "b"]), 1).round(2).to_dict()
    {'a': 0.67, 'b': 0.25}
    """
    types, code = np.unique(labels, return_inverse=True)
    planted = sparse.csr_matrix(
        (np.ones(len(code)), (np.arange(len(code)), code)), shape=(len(code), len(types))
    )
    both = (members[1:].astype(np.float64) @ planted).toarray()
    sizes = np.asarray(members[1:].sum(axis=1)).ravel()
    union = sizes[:, None] + np.bincount(code) - both
    best = pd.Series((both / union).max(axis=0, initial=0), index=types)
    return best[(np.bincount(code) >= least) & ~np.isin(types, leave)]


def evaluate(name: str, args: argparse.Namespace, folder: Path) -> list[dict]:
    """Return one row per setting, seed and study of a set."""
    rows, ready = [], None
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        if ready is None or name in SIMULATED:
            ready = studies_of(name, args.data, folder / name, args.cells, seed)
        for path, genes, leave in ready or []:
            labels = Counts(path).obs["cell_type"].astype(str).to_numpy()
            least = smallest_cluster(args.min_cells, len(labels))
            for setting in args.settings:
                start = time.process_time()
                chosen = {"min_cells": args.min_cells, **SETTINGS[setting]}
                table, members = pancluster(path, genes, chosen, seed)
                spent = time.process_time() - start
                best = best_jaccard(members, labels, least, leave)
                rows.append({
                    "set": name, "setting": setting, "seed": seed, "study": path.stem,
                    "jaccard": float(best.mean()), "types": len(best), "clusters": len(table), "cpu_s": spent,
                })  # fmt: skip
    return rows


def main() -> None:
    """Print a table per set and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, help="folder with the h5ad files; without it only simulations run"
    )
    parser.add_argument("--sets", nargs="+", default=[*SIMULATED, *REAL], choices=[*SIMULATED, *REAL])
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--cells", type=int, default=5000, help="cells of a simulated study")
    parser.add_argument(
        "--min-cells", type=lambda text: text if text == "auto" else int(text), default="auto"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = pd.DataFrame([row for name in args.sets for row in evaluate(name, args, Path(folder))])
    if rows.empty:
        print(json.dumps({"sets": []}))
        return
    seeds = rows.groupby(["set", "setting", "seed"], sort=False)[
        ["jaccard", "types", "clusters", "cpu_s"]
    ].mean()
    groups = seeds.reset_index("seed", drop=True).groupby(["set", "setting"], sort=False)
    found = groups.mean().assign(worst=groups["jaccard"].min()).round(3)
    print(found.to_string())
    print(json.dumps(found.reset_index().to_dict("records")))


if __name__ == "__main__":
    main()
