"""Which distance of clusters recovers age, over collections that differ in what makes them hard.

Collections are the simulated shapes of panscape.simulate.shapes, the two older simulations and every real
data set with an age; clusters are computed once per seed and shared by all variants. Printed per collection
and variant, as the mean over seeds:

- rho: Spearman's correlation of pseudotime with mean age, on the clusters that all variants reach;
- worst: the lowest over seeds and over the settings that remain (see KNOBS); worst_k: over single numbers of
  neighbours in place of their median;
- reached: share of the clusters with an age that get a pseudotime;
- within: the mean of the studies' own rho, weighted by their clusters;
- others: correlation of a cluster's age with the mean age of its five nearest clusters of other studies;
- apart: the same of its five nearest clusters that share no cell with it: what the distances say of age
  to someone who knows the ages of the others, while pseudotime is told none.

Beside them the same for expression and for which genes are detected, and rho of depth and size. Then minimum
and mean over the collections that decide. The last line printed is one JSON object.

    python benchmarks/landscape_evidence.py --data DATA --work WORK --seeds 2 3

What is clustered and correlated is kept in WORK; a rerun costs the landscapes only.

``--original "python run.py"`` runs another program on the same counts, e.g. the original one, which is not
part of this project: the command gets the folder of a collection (``ready.json``: studies and least cells of
a cluster; ``genes.tsv``; ``<study>.h5ad``) and the name of a table to write: study, age, pseudotime of its
own clusters. Its row is of those clusters, not of the common ones.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from _evidence_sets import ALL, UNDECIDING, Collection, collection, correlated, scored
from landscape_settings import BEST, PRESETS
from scipy import sparse

from panscape.coscape.landscape import debiased
from panscape.coscape.landscape.build import find_root, gather_clusters
from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.other_spaces import embed_vectors, other_spaces
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.vectors import coexpression_vectors
from panscape.stats.means import cluster_means

SWEEP = (20, 30, 40)
CORRECTED = {"distance": "corrected", "top_pairs": 100_000, "neighbor_sweep": SWEEP}
VARIANTS = {
    "thresholded": {"eta": 0.2},
    "corrected, pearson": {"estimator": "pearson", **CORRECTED},
    "corrected, score": {"estimator": "corrected", **CORRECTED},
    "corrected, no errors": {"estimator": "pearson", "errors": 0.0, **CORRECTED},
    "paper": {"preset": "paper"},
    "code": {"preset": "code"},
}
REMAINING = [
    *({"top_pairs": number} for number in (20_000, 50_000)),
    *({"neighbor_sweep": sweep} for sweep in ((10, 20, 40), (15, 30), (10, 15, 20))),
]
KNOBS = {  # variant -> changes of its settings
    "thresholded": [{"eta": eta, "n_neighbors": k} for eta in (0.1, 0.2, 0.3, 0.5) for k in (9, 19, 39)],
    "corrected, pearson": REMAINING,
    "corrected, score": REMAINING,
    "corrected, no errors": REMAINING,
}
SINGLE = [{"neighbor_sweep": (k,)} for k in (10, 15, *SWEEP)]  # what the median protects from
CONTROLS = ("expression", "detected")
NEAREST, FEWEST = 5, 5


@dataclass(frozen=True)
class Placed:
    """Clusters with the pseudotime and the distances (inf: undefined) of one variant."""

    data: Combined
    settings: LandscapeSettings
    root: int | None
    pseudotime: np.ndarray
    distances: np.ndarray


def place(given: Collection, variant: dict) -> Placed:
    """Return the clusters' places by a variant."""
    variant = dict(variant)
    errors = variant.pop("errors", debiased.ERRORS)  # standard errors added to corrected distances
    if preset := variant.pop("preset", None):
        correlating, changes = PRESETS[preset]
        studies = correlated(given, {"normalisation": "log1p", **correlating})
        settings = replace(BEST, **{**changes, "duplicates": False, **variant})
    else:
        estimator = variant.pop("estimator", "pearson")
        settings = replace(BEST, **variant)
        corrected = settings.distance == "corrected"
        studies = scored(given, estimator, settings.top_pairs) if corrected else given.studies
    data = gather_clusters(studies, settings)
    with patch.object(debiased, "ERRORS", errors):
        vectors = coexpression_vectors(data, settings)
    root = find_root(data.clusters, settings, usable=vectors.usable)
    space = embed_vectors(vectors, root, settings)
    return Placed(data, settings, root, space.pseudotime, known_distances(space.distances))


def known_distances(found: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return distances with inf where they are not defined."""
    distances, defined = found
    return np.where(defined[:, None] & defined[None, :], distances, np.inf)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rho, NaN for fewer than 4 values or constant ones."""
    if len(a) < 4 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1])


def from_others(distances: np.ndarray, age: np.ndarray, study: np.ndarray) -> float:
    """Correlate ages with those of the nearest clusters of other studies, within the other studies' ages."""
    allowed = (study[:, None] != study[None, :]) & np.isfinite(age)[None, :] & np.isfinite(distances)
    predicted = np.full(len(age), np.nan)
    for row in np.flatnonzero(allowed.any(axis=1)):
        others = np.flatnonzero(allowed[row])
        near = others[np.argsort(distances[row, others], kind="stable")[:NEAREST]]
        predicted[row] = age[near].mean()
    inside = np.zeros(len(age), dtype=bool)
    for name in np.unique(study):
        own = age[(study == name) & np.isfinite(age)]
        if len(own):
            inside |= (study != name) & (age >= own.min()) & (age <= own.max())
    kept = inside & np.isfinite(predicted)
    return rank_correlation(predicted[kept], age[kept]) if kept.sum() >= FEWEST else float("nan")


def from_apart(distances: np.ndarray, age: np.ndarray, shared: np.ndarray) -> float:
    """Correlate ages with those of the nearest clusters that share no cell (`shared` is then 0)."""
    allowed = np.isfinite(distances) & np.isfinite(age)[None, :] & (shared == 0)
    near = [others[np.argsort(row[others], kind="stable")[:NEAREST]]
            for row, others in zip(distances, map(np.flatnonzero, allowed), strict=True)]  # fmt: skip
    kept = np.isfinite(age) & np.array([len(others) == NEAREST for others in near])
    predicted = [age[others].mean() for others, known in zip(near, kept, strict=True) if known]
    return rank_correlation(np.array(predicted), age[kept])


def within_studies(pseudotime: np.ndarray, age: np.ndarray, study: np.ndarray) -> float:
    """Return the mean of the studies' rho, weighted by their clusters, of studies with at least 5."""
    rows = [np.flatnonzero(study == name) for name in np.unique(study)]
    found = [(len(row), rank_correlation(pseudotime[row], age[row])) for row in rows if len(row) >= FEWEST]
    found = [(number, rho) for number, rho in found if np.isfinite(rho)]
    total = sum(number for number, _ in found)
    return sum(number * rho for number, rho in found) / total if total else float("nan")


def on_common(pseudotime: np.ndarray, age: np.ndarray, common: np.ndarray) -> float:
    """Return rho on the common clusters.

    A setting that does not reach some of them must not gain by it: their pseudotime is taken as the median of
    the others. Without any, or with a constant pseudotime, rho is 0.
    """
    values = pseudotime[common]
    if not np.isfinite(values).any():
        return 0.0
    rho = rank_correlation(np.where(np.isfinite(values), values, np.nanmedian(values)), age[common])
    return rho if np.isfinite(rho) else 0.0


def common_clusters(times: dict[str, np.ndarray], aged: np.ndarray) -> np.ndarray:
    """Return bool (n,): clusters of known age that all spaces reach, of those that reach at least half."""
    common = aged.copy()
    for values in times.values():
        if np.isfinite(values[aged]).mean() >= 0.5:
            common &= np.isfinite(values)
    return common


def evaluate(given: Collection, variants: dict[str, dict]) -> list[dict]:
    """Return one row per variant and control of a collection."""
    placed = {name: place(given, variant) for name, variant in variants.items()}
    first = next(iter(placed.values()))
    clusters = first.data.clusters
    age, study = clusters["age"].to_numpy(dtype=float), pd.factorize(clusters["study"])[0]
    found = {name: (one.pseudotime, one.distances) for name, one in placed.items()}
    plain = replace(BEST, distance="corrected", neighbor_sweep=SWEEP)  # the median over the same graphs
    for view in other_spaces(first.data, first.root, plain):
        if view.space.name in CONTROLS:
            found[view.space.name] = (view.space.pseudotime, known_distances(view.space.distances))
    aged, members = np.isfinite(age), sparse.block_diag([part.members for part in given.studies])
    shared = (members @ members.T).toarray()
    common = common_clusters({name: one[0] for name, one in found.items()}, aged)
    rows = []
    for name, (pseudotime, distances) in found.items():
        row = {"variant": name, "n": int(common.sum())}
        row["rho"] = on_common(pseudotime, age, common)
        row["reached"] = float(np.isfinite(pseudotime[aged]).mean())
        row["within"] = within_studies(pseudotime[common], age[common], study[common])
        row["others"] = from_others(distances, age, study)
        row["apart"] = from_apart(distances, age, shared)
        rows.append(row | knob_range(given, variants.get(name), name, age, common, row["rho"]))
    depths = [cluster_means(part.members, part.cells["n_counts"].to_numpy(float)) for part in given.studies]
    for name, values in {
        "depth": np.concatenate(depths),
        "size": clusters["n_cells"].to_numpy(float),
    }.items():
        rows.append({"variant": name, "n": int(common.sum()), "rho": on_common(values, age, common)})
    return [{"set": given.name, "seed": given.seed, "clusters": len(clusters), **row} for row in rows]


def original(given: Collection, command: str) -> dict:
    """Return the row of another program, which clusters, correlates and orders the same counts itself."""
    counts = next(iter(given.paths.values())).parent
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "clusters.tsv"
        subprocess.run(
            [*shlex.split(command), str(counts), str(table)], check=True, stdout=subprocess.DEVNULL
        )
        found = pd.read_csv(table, sep="\t")
    age, pseudotime = found["age"].to_numpy(float), found["pseudotime"].to_numpy(float)
    aged = np.isfinite(age)
    common, study = aged & np.isfinite(pseudotime), pd.factorize(found["study"])[0]
    row = {"set": given.name, "seed": given.seed, "clusters": len(found), "variant": "original"}
    row |= {"n": int(common.sum()), "rho": on_common(pseudotime, age, common), "worst": float("nan")}
    row["reached"] = float(np.isfinite(pseudotime[aged]).mean())
    return row | {"within": within_studies(pseudotime[common], age[common], study[common])}


def knob_range(given, variant: dict | None, name: str, age, common, rho: float) -> dict[str, float]:
    """Return the lowest rho over a variant's remaining settings, and over single numbers of neighbours."""

    def lowest(changes) -> float:
        times = [place(given, {**variant, **change}).pseudotime for change in changes]
        return min(on_common(one, age, common) for one in times)

    if variant is None or name not in KNOBS:
        return {"worst": rho}
    found = {"worst": min(rho, lowest(KNOBS[name]))}
    return found | ({"worst_k": lowest(SINGLE)} if variant.get("distance") == "corrected" else {})


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds (the lowest for ``worst`` and ``worst_k``), per set and variant."""
    groups = rows.groupby(["set", "variant"], sort=False)
    low = [name for name in ("worst", "worst_k") if name in rows]
    return (
        groups[["n", "rho", "reached", "within", "others", "apart"]]
        .mean()
        .join(groups[low].min())
        .reset_index()
    )


def decide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, per variant, minimum and mean over the sets and seeds that decide."""
    groups = rows[~rows["set"].isin(UNDECIDING)].groupby("variant", sort=False)
    columns = [name for name in ("rho", "worst", "worst_k", "others", "apart", "reached") if name in rows]
    table = groups[columns].agg(["min", "mean"])
    table.columns = [f"{kind} {name}" for name, kind in table.columns]
    return table.reset_index()


def show(found: pd.DataFrame, decided: pd.DataFrame) -> None:
    """Print the tables and the JSON object."""
    for name, part in found.groupby("set", sort=False):
        print(f"\n{name}\n{part.drop(columns='set').round(3).to_string(index=False)}")
    print(
        f"\nover sets and seeds, without {', '.join(UNDECIDING)}\n{decided.round(3).to_string(index=False)}"
    )
    parts = {"sets": found, "over_sets": decided}
    records = {name: json.loads(part.round(3).to_json(orient="records")) for name, part in parts.items()}
    print(json.dumps(records))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the real data; without it only simulations")
    parser.add_argument("--work", type=Path, required=True, help="folder kept between runs")
    parser.add_argument("--sets", nargs="+", default=list(ALL), choices=ALL)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--original", metavar="COMMAND", help="another program to run on the same counts")
    parser.add_argument("--table", type=Path, help="also write every row here, as TSV, after each collection")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    rows: list[dict] = []
    for name in args.sets:
        for seed in args.seeds:
            start = time.process_time()
            given = collection(name, seed, args.work, args.data)
            if given is not None:
                rows += evaluate(given, {variant: VARIANTS[variant] for variant in args.variants})
                rows += [original(given, args.original)] if args.original else []
                print(f"{name}, seed {seed}: {time.process_time() - start:.0f} CPU s", flush=True)
                if args.table is not None:
                    pd.DataFrame(rows).to_csv(args.table, sep="\t", index=False)
    if not rows:
        print(json.dumps({"sets": []}))
        return
    table = pd.DataFrame(rows)
    show(summarise(table), decide(table))


if __name__ == "__main__":
    main()
