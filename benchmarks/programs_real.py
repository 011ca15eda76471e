"""Gene programmes of real cells: panscape's dictionary beside hdWGCNA (py-hdwgcna) and NMF, on equal cells.

    python benchmarks/programs_real.py --data DATA --sets islets worm --python hdwgcna=.../bin/python

`islets` are those of four people, `worm` the amphid neurons of the embryo in seven batches; DATA has their
files and, in `gmt/`, the gene sets. Every method gets the same cells and genes and runs in a process of its
own, panscape with the smallest pancluster of the examples, and again on two halves of the cells (half of it);
NMF gets as many components as panscape finds entries. A peer that is not installed is left out;
`--python METHOD=PATH` names another interpreter (packages py-hdwgcna and dynamicTreeCut).

Printed per method: groups of at least five genes; `enriched`, the share of them with a gene set at a false
discovery rate of at most .05 (genes analysed as background; where there are sets of the species; of panscape
without the genes that fall); `of_type`, the share whose score tells the cells of one annotated cell type, of
at least ten cells, from all others with an AUROC of at least .9, and `types`, the number of such types;
`placed`, the fraction of genes in a group; stability (mean of the best Jaccard index of groups between
halves), CPU seconds and memory, then what each group is, and at the end a table of means over seeds. The last
line printed is one JSON object.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from _groups import SMALLEST, auroc, describe, groups_of, half_stability, halves, markdown, run, scores_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

FDR, LEAST, TELLS = 0.05, 10, 0.9
COLUMNS = {
    "set": "", "method": "", "genes": ".0f", "groups": ".1f", "enriched": ".2f", "of_type": ".2f",
    "types": ".1f", "placed": ".2f", "stability": ".2f", "cpu_s": ".0f", "peak_mb": ".0f",
}  # fmt: skip


@dataclass(frozen=True)
class Cells:
    """A set of cells: its file, the column of its studies, its species, gene sets and smallest pancluster."""

    file: str
    study: str
    species: str
    sets: str | None
    min_cells: int


SETS = {
    "islets": Cells("pancreas_human_baron2016.h5ad", "donor", "human", "GO_BP_human_orgHs_2022.gmt", 20),
    "worm": Cells("neuro_worm_embryo_packer2019.h5ad", "batch", "worm", None, 50),
}


def prepare(cells: Cells, data: Path, folder: Path, n_genes: int) -> pd.Series:
    """Write the filtered counts of every study and the genes; return the cell types, in the files' order."""
    import anndata

    from panscape.preprocess.genes import select_genes
    from panscape.preprocess.study import filter_study

    path = data / cells.file
    names = anndata.read_h5ad(path, backed="r").obs[cells.study].astype(str)
    tables, kept, types = {}, {}, []
    for name in sorted(names.unique()):
        source = {
            "id": name, "path": str(path), "keep": f"{cells.study} == '{name}'", "format": "h5ad",
            "counts": "X", "qc": {"max_mito": 1}, "obs": {"cell_type": {"column": "cell_type"}},
        }  # fmt: skip
        done = filter_study(source, folder / f"{name}.h5ad", {}, species=cells.species)
        tables[name], kept[name] = done.genes, done.table.loc[done.table["unit"] == "cells", "left"].min()
        types.append(anndata.read_h5ad(folder / f"{name}.h5ad", backed="r").obs["cell_type"].astype(str))
    everywhere = set.intersection(*(set(t.loc[t["n_cells"] > 0, "gene"]) for t in tables.values()))
    listed = select_genes(tables, n_cells=kept, species=cells.species, n_genes=n_genes)
    chosen = listed.loc[listed["selected"], "gene"]
    describe(folder, [gene for gene in chosen if gene in everywhere], cells.min_cells)
    return pd.concat(types)


def explained(groups: dict[str, set[str]], falls: set[str], sets) -> dict[str, str]:
    """Return the best gene set of every group that has one."""
    from panscape.coscape.dictionary.enrich import overrepresented_sets

    best = {}
    for name, members in groups.items():
        table = overrepresented_sets(members - falls, sets).sort_values(["pvalue", "size"], kind="stable")
        if len(table) and table["fdr"].iloc[0] <= FDR:
            best[name] = f"{table['term'].iloc[0]} (FDR {table['fdr'].iloc[0]:.0e})"
    return best


def told(scores: pd.DataFrame, types: pd.Series) -> dict[str, str]:
    """Return the cell type that each group's score tells from all other cells."""
    count = types.value_counts()
    found = {}
    for name in scores:
        value = scores[name].to_numpy()
        area = {kind: auroc(value, (types == kind).to_numpy()) for kind in count.index[count >= LEAST]}
        best = max(area, key=area.__getitem__)
        if area[best] >= TELLS:
            found[name] = best
    return found


def measure(name: str, folder: Path, parts: list[Path], types: pd.Series, sets, options) -> tuple[dict, list]:
    """Run a method on all cells and on the halves; return its measures and what each group is."""
    k, seed, python = options
    result = run(name, folder, k, seed, python)
    if "missing" in result:
        return result, []
    genes = (folder / "genes.txt").read_text().split()
    groups = groups_of(genes, result["group"])
    groups = {key: members for key, members in groups.items() if len(members) >= SMALLEST}
    scores = scores_of(folder, name)
    found = told(scores[list(groups)], types)
    row = {
        "genes": len(genes),
        "components": sum(not str(column).endswith(" within") for column in scores),
        "groups": len(groups),
        "of_type": len(found) / max(len(groups), 1),
        "types": len(set(found.values())),
        "placed": float(np.mean([bool(at) for at in result["group"]])),
        "cpu_s": result["cpu_s"],
        "peak_mb": result["peak_mb"],
    }
    best = {} if sets is None else explained(groups, set(result["falls"]), sets)
    if sets is not None:
        row["enriched"] = len(best) / max(len(groups), 1)
    if parts:
        row["stability"] = half_stability(name, parts, k, seed, python)
    return row, [(at, len(groups[at]), found.get(at, ""), best.get(at, "")) for at in groups]


def main() -> None:
    """Measure every set, seed and method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--methods", nargs="+", default=["panscape", "hdwgcna", "nmf"])
    parser.add_argument("--python", nargs="*", default=[], help="METHOD=PATH of an interpreter")
    parser.add_argument("--no-halves", action="store_true", help="without the two halves of the cells")
    args = parser.parse_args()
    from panscape.data.gene_sets import read_gene_sets, restrict

    pythons = dict(item.split("=", 1) for item in args.python)
    rows = []
    for title in args.sets:
        cells = SETS[title]
        for seed in args.seeds:
            with TemporaryDirectory() as scratch:
                folder, k = Path(scratch), 10
                types = prepare(cells, args.data, folder, args.genes)
                genes = (folder / "genes.txt").read_text().split()
                sets = None
                if cells.sets:
                    sets = restrict(read_gene_sets(args.data / "gmt" / cells.sets), genes, library="sets")
                parts = [] if args.no_halves else halves(folder, seed)
                for name in args.methods:
                    options = (k, seed, pythons.get(name, sys.executable))
                    row, each = measure(name, folder, parts, types, sets, options)
                    rows.append({"set": title, "seed": seed, "method": name, **row})
                    print(rows[-1], *each, sep="\n  ", flush=True)
                    k = row["components"] if name == "panscape" else k
    table = pd.DataFrame(rows)
    numbers = [column for column in COLUMNS if column in table and column not in ("set", "method")]
    done = table.dropna(subset="groups").groupby(["set", "method"], sort=False)[numbers].mean()
    lines = [{"set": at[0], "method": at[1], **row.dropna()} for at, row in done.iterrows()]
    print(markdown(lines, COLUMNS))
    print(json.dumps({"benchmark": "programs_real", "rows": rows}))


if __name__ == "__main__":
    main()
