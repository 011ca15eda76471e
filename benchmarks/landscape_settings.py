"""Which settings of the landscape recover developmental age, on real and simulated studies.

Runs the library's own functions from raw counts to statistics, for several clustering seeds, and prints one
row per data set and setting: Spearman's rho of pseudotime with age (mean, worst and range over seeds) on the
n clusters that the setting reaches, the share of clusters with an age that get a pseudotime, rho within
studies, rho between the ages of a cluster and of its nearest clusters of other studies, the share of
neighbours from other studies, rho given size, pairs and depth. Then one row per space for the default
settings: coexpression and expression space, cosine over commonly measurable pairs, the diagonal alone,
detection alone, cluster size, surviving pairs and depth, all on the clusters that every space reaches, each
with its 95 % interval, n and p.

Beside the default settings stand the presets of the paper and of the released code, and the same settings
after permuting every gene's values among the cells of each cluster, which keeps expression and destroys
coexpression, and after giving every pair the same r in all clusters, which leaves only which genes are
expressed together. With --grid every setting is varied, one at a time, around the defaults.

    python benchmarks/landscape_settings.py --data DATA --seeds 3 --sets worm-batches simulated

The set blood runs only if it is asked for: with 12 disjoint clusters it cannot tell settings apart. Data sets
that DATA does not hold are skipped, with a note. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from panscape.coscape.coexpression.coexpress import coexpress
from panscape.coscape.landscape.age import Viewed
from panscape.coscape.landscape.annotate import annotate_clusters
from panscape.coscape.landscape.build import (
    compute_landscape,
    find_root,
    gather_clusters,
)
from panscape.coscape.landscape.combine import Study, combine_studies
from panscape.coscape.landscape.compare import compare_spaces
from panscape.coscape.landscape.features import expected_cells
from panscape.coscape.landscape.other_spaces import embed_vectors
from panscape.coscape.landscape.read import pair_positions
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.vectors import coexpression_vectors
from panscape.coscape.panclust.pancluster import pancluster
from panscape.data.counts import Counts
from panscape.data.normalise import normalise
from panscape.preprocess.genes import genes_of, select_genes
from panscape.preprocess.study import filter_study
from panscape.simulate.design import design
from panscape.simulate.settings import Settings, StudySettings, demo
from panscape.simulate.write import write_study

EMBRYO = "neuro_worm_embryo_packer2019.h5ad"
LARVA = "neuro_worm_L2_cao2017.h5ad"
MARROW = "hema_mouse_bm_inDrops_springHPC.h5ad"
INVITRO = "hema_mouse_invitro_weinreb2020_subset.h5ad"
BATCHES = (
    "Waterston_300_minutes",
    "Waterston_400_minutes",
    "Waterston_500_minutes_batch_1",
    "Waterston_500_minutes_batch_2",
    "Murray_r17",
    "Murray_b01",
    "Murray_b02",
)
LOOSE = {"min_counts": 0, "min_genes": 0, "max_mito": 1.0, "max_ribo": 1.0, "min_cells_per_gene": 3}
ETA = 0.1  # of the matrices; higher thresholds are applied afterwards
AGE = {"column": "embryo_time"}


def embryo(keep: str | None = None, name: str = "embryo") -> dict:
    """Return the worm embryo, or a part of it, as a study."""
    return {
        "id": name,
        "path": EMBRYO,
        "obs": {"age": AGE, "cell_type": {"column": "cell_type"}},
        "keep": keep,
    }


def batches() -> list[dict]:
    """Return each batch of the worm embryo as a study of its own."""
    return [embryo(f"batch == '{batch}'", batch.replace("_", "-")) for batch in BATCHES]


# data set -> (studies, minimum cluster size, genes); worm and blood are small and sparse
REAL = {
    "worm-batches": (batches(), 50, 1000),
    "worm-one": ([embryo()], 50, 1000),
    "worm-larva": ([*batches(), {"id": "larva", "path": LARVA, "obs": {}}], 50, 1000),
    "blood": (
        [
            {"id": "invitro", "path": INVITRO, "obs": {"age": {"column": "day"}}},
            {"id": "marrow", "path": MARROW, "obs": {}},
        ],
        30,
        1000,
    ),
}


def simulated(which: str, cells: int, seed: int) -> Settings:
    """Return a simulated system; ``simulated-sparse`` is shallow and uneven in depth and in size."""
    settings = demo()
    if which == "simulated":
        studies = tuple(replace(study, cells=cells) for study in settings.studies)
        return replace(settings, studies=studies)
    shape = (("a", 1.2, (8.0, 13.0), 900.0), ("b", 0.5, (10.0, 17.0), 350.0), ("c", 0.8, (9.0, 20.0), 500.0))
    shape += (("d", 0.4, (15.0, 20.0), 1500.0),)
    studies = tuple(
        StudySettings(name, round(cells * share), ages, depth=depth, platform=f"platform-{at % 2}", shift=0.8)
        for at, (name, share, ages, depth) in enumerate(shape)
    )
    return replace(settings, studies=studies)


SIMULATED = ("simulated", "simulated-sparse")
DECIDING = [*(name for name in REAL if name != "blood"), *SIMULATED]


def prepare(
    name: str, data: Path | None, folder: Path, cells: int
) -> tuple[dict[str, Path], pd.DataFrame, int] | None:
    """Write the counts of a data set; return their paths, the selection of genes and the smallest cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, tables = {}, {}
    if name in SIMULATED:
        system = design(simulated(name, cells, 0), 0)
        studies, smallest, n_genes = [], 100, 800
        for study in system.settings.studies:
            raw = folder / f"{study.name}.raw.h5ad"
            write_study(system, study.name, raw)
            obs = {name: {"column": name} for name in ("age", "sample", "cell_type")}
            studies.append({"id": study.name, "path": str(raw), "obs": obs})
        limits = {**LOOSE, "min_genes": 100}
    else:
        studies, smallest, n_genes = REAL[name]
        limits = LOOSE
        missing = [study["path"] for study in studies if data is None or not (data / study["path"]).exists()]
        if missing:
            print(f"skipped {name}: no {missing[0]} in {data}")
            return None
        studies = [{**study, "path": str(data / study["path"])} for study in studies]
    for study in studies:
        paths[study["id"]] = folder / f"{study['id']}.h5ad"
        species = "mouse" if name == "blood" else "other"
        source = {"format": "h5ad", "counts": "X", **study}
        tables[study["id"]] = filter_study(source, paths[study["id"]], limits, species=species).genes
    return paths, select_genes(tables, n_genes=n_genes), smallest


def read(path: Path, name: str, genes, clusters: pd.DataFrame, members, found) -> Study:
    """Put a study's results together without the detour over files."""
    expression, cells = found.expression, Counts(path).obs
    return Study(
        name,
        annotate_clusters(clusters, members, cells),
        found.matrix,
        pair_positions(found.pairs, np.asarray(genes, dtype=object)),
        np.asarray(genes, dtype=object),
        np.asarray(expression.X),
        np.asarray(expression.layers["mean"]),
        np.asarray(expression.layers["detection"]),
        members,
        cells,
    )


def chain(
    paths, selection, smallest: int, seed: int, clustering: dict, correlating: dict, *, permute: bool = False
):
    """Return the studies ready for a landscape."""
    studies, everything = [], selection.loc[selection["selected"], "gene"].tolist()
    for name, path in paths.items():
        genes = genes_of(selection, name)
        clusters, members = pancluster(path, genes, {"min_cells": smallest, **clustering}, seed, study=name)
        found = coexpress(path, genes, clusters, members, correlating, all_genes=everything)
        study = read(path, name, everything, clusters, members, found)
        studies.append(without_coexpression(study, path, members, seed) if permute else study)
    return studies


def without_coexpression(study: Study, path: Path, members, seed: int) -> Study:
    """Return the study with correlations of values permuted, gene by gene, within each cluster."""
    counts = Counts(path)
    measured = np.flatnonzero(~np.isnan(study.detection[0]))
    values = normalise(
        counts.select(list(study.genes[measured])), counts.obs["n_counts"].to_numpy(), "depth-log1p"
    ).toarray()
    upper = np.triu_indices(len(measured))
    rng = np.random.default_rng([seed, zlib.crc32(study.name.encode())])
    rows = []
    for row in range(members.shape[0]):
        cells = members.indices[members.indptr[row] : members.indptr[row + 1]]
        block = rng.permuted(values[cells].astype(np.float64), axis=0)
        block -= block.mean(axis=0)
        length = np.sqrt((block**2).sum(axis=0))
        varies = length > 1e-9
        block /= np.where(varies, length, 1)
        r = block.T @ block
        np.fill_diagonal(r, varies)
        flat = r[upper]
        rows.append(sparse.csr_matrix(np.where(np.abs(flat) >= ETA, flat, 0).astype(np.float32)))
    return replace(study, matrix=sparse.vstack(rows).tocsr(), pairs=measured[np.stack(upper, axis=1)])


def same_everywhere(studies: list[Study]) -> list[Study]:
    """Return the studies with each pair's mean r in place of its own wherever it can be measured.

    What is left of a landscape then is which genes are expressed together, not how they are coexpressed.
    """
    data = combine_studies(studies)
    matrix, rows = data.matrix.tocsc(), np.arange(data.matrix.shape[0])
    sums, counts = np.zeros(len(data.pairs)), np.zeros(len(data.pairs))
    for start in range(0, len(data.pairs), 5000):
        part = slice(start, min(start + 5000, len(data.pairs)))
        seen = expected_cells(data, rows[:, None], data.pairs[part]) >= BEST.min_expected
        sums[part] = (matrix[:, part].toarray() * seen).sum(axis=0)
        counts[part] = seen.sum(axis=0)
    mean = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    kept = np.flatnonzero(np.abs(mean) >= ETA)
    seen = [expected_cells(data, np.array([row]), data.pairs[kept]) >= BEST.min_expected for row in rows]
    matrix = sparse.vstack([sparse.csr_matrix((mean[kept] * row).astype(np.float32)) for row in seen])
    starts = np.cumsum([0, *(len(study.clusters) for study in studies)])
    return [
        replace(study, matrix=matrix.tocsr()[start:stop], pairs=data.pairs[kept])
        for study, start, stop in zip(studies, starts[:-1], starts[1:], strict=True)
    ]


# the best of thresholded correlations; landscape_evidence.py compares them with the default distance
BEST = LandscapeSettings(
    distance="thresholded", permutations=0, bootstraps=0, layout_iterations=1, pairs_listed=1, eta=0.2
)
AS_PUBLISHED = {"metric": "euclidean", "diagonal": True, "duplicates": True, "min_expected": 0.0}
AS_PUBLISHED |= {"min_pairs": 0, "eta": 0.0}
CLUSTERS = {
    "genes": "all",
    "scaling": "l2",
    "n_components": 100,
    "weights": "none",
    "repeat_last_level": True,
}
PRESETS = {  # coexpression, landscape; both cluster as the released code does
    "paper": ({"estimator": "pearson", "eta": 0.7}, {**AS_PUBLISHED, "n_neighbors": 29}),
    "code": ({"estimator": "spearman", "eta": 0.7}, {**AS_PUBLISHED, "n_neighbors": 39, "symmetric": True}),
}
GRID = {  # one change at a time
    **{f"neighbours {k}": {"n_neighbors": k - 1} for k in (10, 15, 30, 40)},
    **{f"eta {eta:g}": {"eta": eta} for eta in (0.1, 0.3, 0.4, 0.5)},
    **{f"min_expected {least:g}": {"min_expected": least} for least in (0, 1, 2, 5, 20)},
    **{f"min_pairs {least}": {"min_pairs": least} for least in (0, 100)},
    "euclidean": {"metric": "euclidean"},
    "correlation": {"metric": "correlation"},
    "diagonal": {"diagonal": True},
    "duplicates": {"duplicates": True},
    "best_detected 300": {"best_detected": 300},
    "best_detected 300, min_expected 0": {"best_detected": 300, "min_expected": 0.0},
    "kernel gauss": {"kernel": "gauss"},
    "mutual": {"mutual": True},
    "n_maps 5": {"n_maps": 5},
    "n_maps 15": {"n_maps": 15},
    "euclidean, min_expected 0": {"metric": "euclidean", "min_expected": 0.0, "min_pairs": 0},
}


def evaluate(studies, settings) -> dict[str, float]:
    """Return the statistics of one landscape, on the clusters that it reaches, as a flat dictionary."""
    data = gather_clusters(studies, settings)
    vectors = coexpression_vectors(data, settings)
    root = find_root(data.clusters, settings, usable=vectors.usable)
    space = embed_vectors(vectors, root, settings)
    views = [Viewed(space, vectors.rows, vectors.metric)]
    return flat(compare_spaces(views, data.clusters, settings, 0, usable=vectors.usable), data, space)


def flat(table: pd.DataFrame, data, space) -> dict[str, float]:
    """Return the statistics of coexpression space and what it rests on."""
    given = table[table["space"] == "coexpression"].set_index("statistic")
    value = given["value"]
    row = {name: float(value.get(name, np.nan)) for name in STATISTICS}
    row["rho_age"] = float(value.get("rho_age_reached", np.nan))
    row["n"] = float(given["n"].get("rho_age_reached", 0))
    aged = np.isfinite(data.clusters["age"].to_numpy(dtype=float))
    row["reached"] = float(np.isfinite(space.pseudotime[aged]).mean())
    row["nodes"] = len(data.clusters)
    row["pairs"] = float(data.clusters["n_used_pairs"].median())
    return row


def with_controls(studies, settings) -> tuple[dict[str, float], pd.DataFrame]:
    """Return the statistics of one landscape, and those of all spaces on the clusters that all reach."""
    found = compute_landscape(studies, replace(settings, **TESTED), 0)
    shown = found.statistics[found.statistics["statistic"].isin(SHOWN)]
    return flat(found.statistics, found.data, found.space), shown


TESTED = {"permutations": 999, "bootstraps": 500}
SHOWN = ("rho_age", "rho_age_within_studies", "rho_age_other_studies", "other_study_share")
STATISTICS = (
    "rho_age",
    "rho_age_within_studies",
    "partial_rho_age",
    "rho_n_counts",
    "rho_age_other_studies",
    "other_study_share",
)


def study_set(name: str, args, folder: Path) -> tuple[list[dict], list[pd.DataFrame]]:
    """Evaluate all settings on one data set for every seed; return also the spaces on common clusters."""
    ready = prepare(name, args.data, folder / name, args.cells)
    if ready is None:
        return [], []
    paths, genes, smallest = ready
    rows, spaces = [], []
    for seed in range(args.seeds):
        start = time.perf_counter()

        def studies(clustering=None, *, permute=False, seed=seed, **correlating):
            correlating = {"eta": ETA, "normalisation": "depth-log1p", **correlating}
            return chain(paths, genes, smallest, seed, clustering or {}, correlating, permute=permute)

        ready = studies()
        best, table = with_controls(ready, BEST)
        rows.append(("best", best))
        spaces.append(table.assign(set=name, seed=seed))
        permuted = studies(permute=True)
        rows.append(("no coexpression", evaluate(permuted, BEST)))
        rows.append(("same r everywhere", evaluate(same_everywhere(ready), replace(BEST, eta=ETA))))
        rows.append(("no coexpression, min_expected 0", evaluate(permuted, replace(BEST, min_expected=0.0))))
        for preset, (correlating, change) in PRESETS.items():
            published = studies(CLUSTERS, normalisation="log1p", **correlating)
            rows.append((preset, evaluate(published, replace(BEST, **change))))
            once = replace(BEST, **{**change, "duplicates": False})
            rows.append((f"{preset}, duplicates once", evaluate(published, once)))
        if args.grid:
            rows += [(setting, evaluate(ready, replace(BEST, **change))) for setting, change in GRID.items()]
            rows.append(("normalisation log1p", evaluate(studies(normalisation="log1p"), BEST)))
            rows.append(("estimator spearman", evaluate(studies(estimator="spearman"), BEST)))
            for kind in ("soft", "garrote", "posterior"):
                rows.append((f"shrinkage {kind}", evaluate(studies(shrinkage=kind), BEST)))
            rows.append(("clusters of the code preset", evaluate(studies(CLUSTERS), BEST)))
            rows.append(("clusters of all genes", evaluate(studies({"genes": "all"}), BEST)))
            rows.append(("clusters of 20 components", evaluate(studies({"n_components": 20}), BEST)))
        print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    rows = [{"set": name, "setting": setting, **row} for setting, row in rows]
    show(summarise(pd.DataFrame(rows)))
    show_spaces(pd.concat(spaces))
    return rows, spaces


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, worst and range of rho and the means of the rest, per data set and setting."""
    groups = rows.groupby(["set", "setting"], sort=False)
    rho = groups["rho_age"]
    head = pd.DataFrame({"mean": rho.mean(), "worst": rho.min(), "range": rho.max() - rho.min()})
    return head.join(groups.mean(numeric_only=True).drop(columns="rho_age")).reset_index()


def show(found: pd.DataFrame) -> None:
    """Print the summary of one data set."""
    shown = ["mean", "worst", "range", "n", "reached", "pairs", *STATISTICS[1:]]
    found = found.set_index("setting")
    with pd.option_context("display.width", 200, "display.max_rows", None, "display.max_columns", None):
        count = f"{found['nodes'].iloc[0]:.0f} clusters"
        print(f"\n{found['set'].iloc[0]}: {count}; each setting on those it reaches")
        print(found[shown].round(2).to_string(), flush=True)


def summarise_spaces(spaces: pd.DataFrame) -> pd.DataFrame:
    """Return each space's statistics over seeds: mean value and interval, worst value and p, clusters."""
    groups = spaces.groupby(["set", "space", "statistic"], sort=False)
    return pd.DataFrame(
        {
            "mean": groups["value"].mean(),
            "low": groups["low"].mean(),
            "high": groups["high"].mean(),
            "worst": groups["value"].min(),
            "pvalue": groups["pvalue"].max(),
            "n_min": groups["n"].min(),
            "n_max": groups["n"].max(),
        }
    ).reset_index()


def show_spaces(spaces: pd.DataFrame) -> None:
    """Print the spaces of one data set, on the clusters that all of them reach."""
    print("on common clusters: mean over seeds [mean ends of the 95 % intervals], n; largest p of the seeds")
    found = summarise_spaces(spaces)
    for name in SHOWN:
        for row in found[(found["statistic"] == name) & found["mean"].notna()].itertuples():
            ends = f" [{row.low:.2f}, {row.high:.2f}]" if np.isfinite(row.low) else ""
            chance = f", p <= {row.pvalue:.2g}" if np.isfinite(row.pvalue) else ""
            number = f"{row.n_min:.0f}" + (f"-{row.n_max:.0f}" if row.n_max > row.n_min else "")
            print(f"  {name:24s} {row.space:16s} {row.mean:.2f}{ends}, n = {number}{chance}")
    for row in spaces[(spaces["note"] != "") & spaces["value"].isna()].itertuples():
        print(f"  {row.statistic:24s} {row.space:16s} seed {row.seed}: {row.note}")
    print(flush=True)


def records(table: pd.DataFrame) -> list[dict]:
    """Return the rows of a table, ready for JSON."""
    return table.round(3).astype(object).where(table.notna(), None).to_dict("records")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, help="folder with the h5ad files; without it only simulations run"
    )
    parser.add_argument("--sets", nargs="+", default=DECIDING, choices=[*REAL, *SIMULATED])
    parser.add_argument("--seeds", type=int, default=3, help="clustering seeds")
    parser.add_argument("--cells", type=int, default=1500, help="cells per simulated study")
    parser.add_argument("--grid", action="store_true", help="also vary every setting, one at a time")
    parser.add_argument("--table", type=Path, help="also write every row here, as TSV")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parts = [study_set(name, args, Path(folder)) for name in args.sets]
    rows = pd.DataFrame([row for part, _ in parts for row in part])
    if args.table is not None:
        rows.to_csv(args.table, sep="\t", index=False)
    if rows.empty:
        print(json.dumps({"sets": []}))
        return
    found = summarise(rows)
    keep = found[found["setting"].isin(["best", "paper", "code", "no coexpression", "same r everywhere"])]
    result = {
        "settings": asdict(BEST),
        "results": records(keep),
        "spaces": records(summarise_spaces(pd.concat([table for _, tables in parts for table in tables]))),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
