"""Gene programmes from cells: panscape's dictionary beside hdWGCNA (py-hdwgcna) and NMF, on equal cells.

Planted collections: the demo's system, and four changes of it: `overlapping` modules (five pairs share three
genes, whose counts are sums), `negative` genes (a fifth of every module is repressed), `one-study` modules
(three are coupled in one study only) and, of the simulator's shapes, `within-types`. Every method gets the
same quality-controlled cells and the same genes, panscape its defaults, runs in a process of its own, and
again on two halves of the cells. A peer that is not installed is left out: `--python hdwgcna=PATH` names
another interpreter (packages py-hdwgcna and dynamicTreeCut).

Printed per method: modules found (one to one, Jaccard index of genes at least .5), recall and precision of
planted pairs of genes (of panscape also over entries of activity only), fraction of genes with a place,
AUROC of scores (upper quarter of the planted activity against the rest, among cells of one study where the
module is coupled by more than .3; of panscape also of its scores within clusters), stability (mean of the
best Jaccard index of groups of five or more genes between halves), CPU seconds and memory, and at the end a
table of their means over seeds. The last line printed is one JSON object.
"""

import argparse
import json
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml
from _groups import auroc, describe, groups_of, half_stability, halves, jaccard, markdown, run, scores_of
from _planted import ROOT
from _programs import WITHIN
from scipy import sparse

SHAPES = ("demo", "overlapping", "negative", "one-study", "within-types")
SHARED, COUPLED, CLOSE = 3, 0.3, 0.5
COLUMNS = {  # of the table: means over seeds
    "shape": "", "method": "", "modules": ".0f", "groups": ".1f", "found": ".1f", "recall": ".3f",
    "precision": ".3f", "recall_activity": ".3f", "precision_activity": ".3f", "placed": ".2f",
    "auroc": ".3f", "least_auroc": ".3f", "stability": ".2f", "cpu_s": ".0f", "peak_mb": ".0f",
}  # fmt: skip


def changed(system, shape: str):
    """Return the system with the change of the shape."""
    genes, modules = system.genes.copy(), system.modules
    if shape == "negative":
        place = genes[genes["role"] == "module"].groupby("module").cumcount()
        genes.loc[place.index[place % 5 == 0], "spread"] *= -1
    return replace(system, genes=genes, modules=modules)


def of_study(system, shape: str, number: int):
    """Return the system as study `number` samples it: `one-study` couples three modules in one."""
    if shape != "one-study":
        return system
    modules = system.modules.copy()
    for at, module in enumerate(modules.index[modules["lineage"] == ""][:3]):
        if at != number:
            modules.loc[module, "lineage"] = "nowhere"
    return replace(system, modules=modules)


def draw(
    shape: str, seed: int, folder: Path, min_cells: int | str = "auto"
) -> tuple[dict[str, set[str]], pd.DataFrame, list]:
    """Write the filtered counts of every study and genes.txt; return modules, activities and couplings."""
    import anndata

    from panscape.config import studies as inputs
    from panscape.config.load import load
    from panscape.preprocess.genes import select_genes
    from panscape.preprocess.study import filter_study
    from panscape.simulate.design import coupling, design
    from panscape.simulate.settings import from_config
    from panscape.simulate.shapes import SHAPES as MORE
    from panscape.simulate.write import write_study

    text = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    chosen = load(text)
    settings = MORE[shape]() if shape in MORE else from_config(chosen["simulation"])
    system = changed(design(settings, seed), shape)
    module = system.genes.loc[system.genes["role"] == "module"].groupby("module")["gene"].agg(list)
    merged = {}
    if shape == "overlapping":
        for one, two in zip(module.index[0:10:2], module.index[1:10:2], strict=True):
            merged |= dict(zip(module[two][:SHARED], module[one][:SHARED], strict=True))
    tables, cells, activity, coupled = {}, {}, {}, {}
    part = chosen["preprocess"]
    given = inputs.study(chosen, inputs.used_by(chosen, "landscape")[0])
    given.pop("simulated", None)
    for number, item in enumerate(settings.studies):
        raw, name = folder / "raw" / f"{item.name}.h5ad", item.name
        raw.parent.mkdir(exist_ok=True)
        here = of_study(system, shape, number)
        write_study(here, name, raw)
        if merged:
            data = anndata.read_h5ad(raw)
            left = [gene for gene in data.var_names if gene not in merged]
            column = pd.Index(left).get_indexer([merged.get(gene, gene) for gene in data.var_names])
            ones = np.ones(len(column), dtype=np.float32)
            adds = sparse.csr_matrix((ones, (np.arange(len(column)), column)), shape=(len(column), len(left)))
            joined = data[:, left].copy()
            joined.X = (data.X @ adds).tocsr()
            joined.write_h5ad(raw)
        done = filter_study(
            {**given, "name": name, "path": str(raw)}, folder / f"{name}.h5ad", part, species="human",
            age_unit="days",
        )  # fmt: skip
        tables[name], cells[name] = done.genes, done.table.loc[done.table["unit"] == "cells", "left"].min()
        left = anndata.read_h5ad(folder / f"{name}.h5ad", backed="r").obs_names
        data = anndata.read_h5ad(raw)[left.str.replace(f"^{name}:", "", regex=True)]
        table = pd.DataFrame(data.obsm["X_activity"], columns=system.modules["module"])
        activity[name] = table.assign(study=name)
        coupled[name] = coupling(here, data.obs["true_age"].to_numpy(), data.obs["lineage"].to_numpy())
    keys = ("n_genes", "top_per_study", "score", "min_detection")
    options = {key: part[key] for key in keys} | {"exclude": part["exclude_genes"]}
    listed = select_genes(tables, n_cells=cells, species="human", **options)
    everywhere = set.intersection(
        *(set(table.loc[table["n_cells"] > 0, "gene"]) for table in tables.values())
    )
    genes = [gene for gene in listed.loc[listed["selected"], "gene"] if gene in everywhere]
    describe(folder, genes, min_cells)
    truth = {
        name: {merged.get(gene, gene) for gene in members} & set(genes) for name, members in module.items()
    }
    order = sorted(activity)  # as the files are read
    return (
        truth,
        pd.concat([activity[at] for at in order], ignore_index=True),
        np.concatenate([coupled[at] for at in order]),
    )


def matched(truth: dict[str, set[str]], groups: dict[str, set[str]]) -> list[tuple[str, str, float]]:
    """Match modules and groups one to one; return (module, group, Jaccard index)."""
    from scipy.optimize import linear_sum_assignment

    table = np.array([[jaccard(one, two) for two in groups.values()] for one in truth.values()])
    rows, columns = linear_sum_assignment(-table)
    names, others = list(truth), list(groups)
    return [(names[i], others[j], float(table[i, j])) for i, j in zip(rows, columns, strict=True)]


def pairs(groups) -> set[tuple[str, str]]:
    """Return all pairs of genes of a group."""
    return {pair for members in groups for pair in combinations(sorted(members), 2)}


def aurocs(
    folder: Path, name: str, found, activity: pd.DataFrame, coupled: np.ndarray, kind: str = ""
) -> list:
    """Return the AUROC of every found module in every study where at least 100 cells are coupled."""
    scores = scores_of(folder, name)
    values = []
    modules = [column for column in activity if column != "study"]
    for module, group, _ in found:
        for study in activity["study"].unique():
            here = (activity["study"] == study).to_numpy() & (coupled[:, modules.index(module)] > COUPLED)
            if here.sum() >= 100:
                real = activity.loc[here, module].to_numpy()
                values.append(
                    auroc(scores.loc[here, group + kind].to_numpy(), real >= np.quantile(real, 0.75))
                )
    return values


def measure(name: str, folder: Path, parts: list[Path], truth, activity, coupled, options) -> dict:
    """Run a method on all cells and on the halves, and compare it with the modules."""
    k, seed, python = options
    result = run(name, folder, k, seed, python)
    if "missing" in result:
        return result
    genes = (folder / "genes.txt").read_text().split()
    groups = groups_of(genes, result["group"])
    active = {key: value for key, value in groups.items() if key not in result["identity"]}
    found = [row for row in matched(truth, groups) if row[2] >= CLOSE]
    real, all_pairs, of_active = pairs(truth.values()), pairs(groups.values()), pairs(active.values())
    values = aurocs(folder, name, found, activity, coupled)
    row = {
        "groups": len(groups),
        "modules": len(truth),
        "found": len(found),
        "recall": len(real & all_pairs) / len(real),
        "precision": len(real & all_pairs) / max(len(all_pairs), 1),
        "precision_activity": len(real & of_active) / max(len(of_active), 1),
        "recall_activity": len(real & of_active) / len(real),
        "placed": float(np.mean([bool(at) for at in result["group"]])),
        "auroc": float(np.mean(values)) if values else None,
        "least_auroc": min(values, default=None),
        "auroc_above_90": float(np.mean(np.array(values) >= 0.9)) if values else None,
        "cpu_s": result["cpu_s"],
        "peak_mb": result["peak_mb"],
    }
    if name == "panscape":
        values = aurocs(folder, name, found, activity, coupled, WITHIN)
        row |= {"auroc_within": float(np.mean(values)), "least_auroc_within": min(values)}
    if parts:
        row["stability"] = half_stability(name, parts, k, seed, python)
    return row


def means(rows: list[dict]) -> list[dict]:
    """Return the means over seeds of every shape and method; least AUROC: the least."""
    table = pd.DataFrame(rows)
    if "missing" in table:
        table = table[table["missing"].isna()]
    keys = ["shape", "method"]
    numbers = [name for name in COLUMNS if name in table and name not in keys]
    done = table.groupby(keys, sort=False)[numbers].mean().astype(float)
    if "least_auroc" in done:
        done["least_auroc"] = table.groupby(keys, sort=False)["least_auroc"].min()
    return [
        {"shape": shape, "method": method, **row.dropna().to_dict()}
        for (shape, method), row in done.iterrows()
    ]


def main() -> None:
    """Measure every shape, seed and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[71, 72, 73])
    parser.add_argument("--methods", nargs="+", default=["panscape", "hdwgcna", "nmf"])
    parser.add_argument("--python", nargs="*", default=[], help="METHOD=PATH of an interpreter")
    parser.add_argument(
        "--min-cells", type=lambda text: text if text == "auto" else int(text), default="auto",
        help="smallest pancluster, auto or a number of cells",
    )  # fmt: skip
    parser.add_argument("--no-halves", action="store_true", help="without the two halves of the cells")
    args = parser.parse_args()
    pythons = dict(item.split("=", 1) for item in args.python)
    rows = []
    for shape in args.shapes:
        for seed in args.seeds:
            with TemporaryDirectory() as scratch:
                folder = Path(scratch)
                truth, activity, coupled = draw(shape, seed, folder, args.min_cells)
                parts = [] if args.no_halves else halves(folder, seed)
                for name in args.methods:
                    options = (len(truth), seed, pythons.get(name, sys.executable))
                    row = measure(name, folder, parts, truth, activity, coupled, options)
                    rows.append({"shape": shape, "seed": seed, "method": name, **row})
                    print(rows[-1], flush=True)
    print(markdown(means(rows), COLUMNS))
    print(json.dumps({"benchmark": "programs_planted", "rows": rows}))


if __name__ == "__main__":
    main()
