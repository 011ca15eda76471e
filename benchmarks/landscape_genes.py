"""What the landscape gains or loses with genes that some studies do not measure (`preprocess.present_in`).

Every data set is analysed with genes of all studies and with genes of a majority of them, twice: with the
panclusters that each choice of genes finds itself, and with both choices on the same panclusters (those found
with the genes of all studies), where only the clusters that both reach are compared.

    python benchmarks/landscape_genes.py --data DATA --seeds 3 --sets worm-batches worm-larva
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from landscape_settings import AGE, BEST, LARVA, LOOSE, SIMULATED, batches, simulated

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.landscape.annotate import annotate_clusters
from panscape.coscape.landscape.build import Landscape, compute_landscape
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.read import pair_positions
from panscape.coscape.landscape.write import cluster_table
from panscape.coscape.panclust.pancluster import pancluster
from panscape.data.counts import Counts
from panscape.preprocess.genes import genes_of, select_genes
from panscape.preprocess.study import filter_study
from panscape.simulate.design import design
from panscape.simulate.write import write_study
from panscape.stats.ranks import spearman

HUMAN = "pancreas_human_baron2016.h5ad"
NAMED = ("tax-2", "tax-4", "osm-9", "odr-1", "daf-11")  # genes of sensory neurons
DONORS = [
    {
        "id": f"human{at}",
        "path": HUMAN,
        "keep": f"donor == 'human{at}'",
        "obs": {"cell_type": {"column": "cell_type"}},
    }
    for at in range(1, 5)
]
BLOOD = [
    {
        "id": f"p{name.lower()}",
        "path": "hema_mouse_bm_inDrops_springHPC.h5ad",
        "keep": f"batch == 'P{name}'",
        "obs": {},
    }
    for name in ("9A", "11A", "11B", "12A")
]
BLOOD.append(
    {"id": "invitro", "path": "hema_mouse_invitro_weinreb2020_subset.h5ad", "obs": {"age": {"column": "day"}}}
)
LARVAL = {"id": "larva", "path": LARVA, "obs": {}}
SETS = {  # studies, species, smallest cluster, genes
    "worm-batches": (batches(), "worm", 50, 1000),
    "worm-larva": ([*batches(), LARVAL], "worm", 50, 1000),
    "worm-one": ([{"id": "embryo", "path": batches()[0]["path"], "obs": {"age": AGE}}], "worm", 50, 1000),
    "blood": (BLOOD, "mouse", 50, 1000),
    "islets": (DONORS, "human", 50, 2000),
}
CORRELATING = {"eta": BEST.eta, "normalisation": "depth-log1p"}
NUMBERS = ("rho_age", "rho_age_within_studies", "rho_age_other_studies", "other_study_share")


def tables_of(
    name: str, data: Path | None, folder: Path
) -> tuple[dict[str, Path], dict, str, int, int] | None:
    """Write the counts of a data set; return paths, tables, species, smallest cluster, genes."""
    folder.mkdir(parents=True, exist_ok=True)
    limits = {**LOOSE, "min_genes": 100} if name in SIMULATED else LOOSE
    if name in SIMULATED:
        system = design(simulated(name, 1500, 0), 0)
        studies, species, smallest, n_genes = [], "other", 100, 800
        for study in system.settings.studies:
            raw = folder / f"{study.name}.raw.h5ad"
            write_study(system, study.name, raw)
            studies.append({"id": study.name, "path": str(raw), "obs": {"age": {"column": "age"}}})
    else:
        studies, species, smallest, n_genes = SETS[name]
        if data is None:
            print(f"skipped {name}: --data is needed")
            return None
        studies = [{**study, "path": str(data / study["path"])} for study in studies]
    paths, tables = {}, {}
    for study in studies:
        paths[study["id"]] = folder / f"{study['id']}.h5ad"
        source = {"format": "h5ad", "counts": "X", **study}
        found = filter_study(source, paths[study["id"]], limits, species=species)
        tables[study["id"]] = found.genes
    return paths, tables, species, smallest, n_genes


def clustered(paths, selection, smallest: int, seed: int) -> dict:
    """Return study -> (clusters, members)."""
    return {
        name: pancluster(path, genes_of(selection, name), {"min_cells": smallest}, seed, study=name)
        for name, path in paths.items()
    }


def correlated(paths, selection, groups) -> list[Study]:
    """Return the studies with the coexpression of the selected genes in given clusters."""
    genes = selection.loc[selection["selected"], "gene"].tolist()
    studies = []
    for name, path in paths.items():
        clusters, members = groups[name]
        selected = genes_of(selection, name)
        found = coexpress(path, selected, clusters, members, CORRELATING, all_genes=genes)
        names = np.asarray(genes, dtype=object)
        studies.append(
            Study(
                name,
                annotate_clusters(clusters, members, Counts(path).obs),
                found.matrix,
                pair_positions(found.pairs, names),
                names,
                np.asarray(found.expression.X),
                np.asarray(found.expression.layers["mean"]),
                np.asarray(found.expression.layers["detection"]),
            )
        )
    return studies


def built(studies) -> Landscape:
    """Return the landscape; without ages pseudotime starts at the first cluster."""
    aged = any("age" in study.clusters and study.clusters["age"].notna().any() for study in studies)
    return compute_landscape(studies, replace(BEST, root="lowest-age" if aged else "none"), 0)


def measured(found: Landscape) -> dict[str, float]:
    """Return the numbers of one landscape."""
    table = found.statistics.set_index(["space", "statistic"])["value"]
    row = {name: float(table.get(("coexpression", name), np.nan)) for name in NUMBERS}
    row["rho_age of expression"] = float(table.get(("expression", "rho_age"), np.nan))
    row |= {
        "clusters": len(found.data.clusters),
        "pairs": float(found.data.clusters["n_used_pairs"].median()),
    }
    return row | {"same_type": same_type(found)}


def same_type(found: Landscape) -> float:
    """Return the fraction of a cluster's neighbours in other studies that have its cell type; NaN without."""
    clusters = found.data.clusters
    if "cell_type" not in clusters or clusters["study"].nunique() < 2:
        return np.nan
    label, study = clusters["cell_type"].to_numpy(), clusters["study"].to_numpy()
    pure = clusters["cell_type_purity"].to_numpy(dtype=float) > 0.6
    index = found.space.neighbours.index
    hits = []
    for row in np.flatnonzero(pure):
        others = index[row][index[row] >= 0]
        others = others[(study[others] != study[row]) & pure[others]][:5]
        if len(others):
            hits.append((label[others] == label[row]).mean())
    return float(np.mean(hits)) if hits else np.nan


def on_common(one: Landscape, two: Landscape) -> tuple[float, float, int]:
    """Return rho of age in both over the clusters that both reach, and their number."""
    tables = [cluster_table(found).set_index("cluster") for found in (one, two)]
    if "age" not in tables[0]:
        return np.nan, np.nan, 0
    both = tables[0].index[
        tables[0]["dpt_pseudotime"].notna()
        & tables[1]["dpt_pseudotime"].reindex(tables[0].index).notna()
        & tables[0]["age"].notna()
    ]
    values = [
        spearman(table.loc[both, "dpt_pseudotime"].to_numpy(), table.loc[both, "age"].to_numpy(float))
        for table in tables
    ]
    return *values, len(both)


def compare(name: str, args, folder: Path) -> list[dict]:
    """Return one row per seed and choice of genes."""
    ready = tables_of(name, args.data, folder / name)
    if ready is None:
        return []
    paths, tables, species, smallest, n_genes = ready
    choices = {
        how: select_genes(tables, n_genes=n_genes, species=species, present_in=how)
        for how in ("all", *args.present_in)
    }
    rows = []
    for seed in range(args.seeds):
        groups = {how: clustered(paths, chosen, smallest, seed) for how, chosen in choices.items()}
        before = built(correlated(paths, choices["all"], groups["all"]))
        for how, chosen in choices.items():
            selected = built(correlated(paths, chosen, groups[how]))
            same = built(correlated(paths, chosen, groups["all"]))
            was, now, n = on_common(before, same)
            row = {"set": name, "present_in": str(how), "seed": seed}
            row |= {"usable": len(chosen), "selected": int(chosen["selected"].sum())}
            row["named"] = int(chosen.loc[chosen["selected"], "gene"].isin(NAMED).sum())
            row |= measured(selected)
            row |= {"common_before": was, "common_now": now, "n_common": n}
            row["same_clusters_same_type"] = same_type(same)
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the h5ad files")
    parser.add_argument("--sets", nargs="+", default=[*SETS, *SIMULATED], choices=[*SETS, *SIMULATED])
    parser.add_argument("--present-in", nargs="+", default=["majority"], help="choices beside `all`")
    parser.add_argument("--seeds", type=int, default=3, help="clustering seeds")
    args = parser.parse_args()
    args.present_in = [how if how.isalpha() else float(how) for how in args.present_in]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name in args.sets for row in compare(name, args, Path(folder))]
    if not rows:
        print(json.dumps({"rows": []}))
        return
    found = (
        pd.DataFrame(rows)
        .groupby(["set", "present_in"], sort=False)
        .mean(numeric_only=True)
        .drop(columns="seed")
    )
    with pd.option_context("display.width", 220, "display.max_columns", None):
        print(found.round(3).T.to_string())
    table = found.round(4).reset_index()
    print(json.dumps({"rows": table.astype(object).where(table.notna(), None).to_dict("records")}))


if __name__ == "__main__":
    main()
