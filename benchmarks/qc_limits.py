"""What `min_genes: auto` removes beside the published limit of 500, on real files and on planted debris.

    python benchmarks/qc_limits.py --data FOLDER

Per file (`*.h5ad` in FOLDER; each value of `batch` and `donor` as a study): the median of genes per cell, the
automatic limit, the cells below it and below 500, and the label whose cells lose most. Of the demo's
simulated studies: how much of the planted debris, and how many good cells, the automatic limit takes; and how
often the warning of uneven losses is raised where nothing is uneven.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import sparse

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
FIXED = 500
LABELS = ("cell_type", "time_h", "batch", "donor")
FEWEST = 20  # cells of a label or of a part


def files(folder: Path) -> Iterator[tuple[str, np.ndarray, pd.DataFrame]]:
    """Yield (name, detected genes of each cell, annotations) of every file, and of its batches and donors."""
    import anndata

    for path in sorted(folder.glob("*.h5ad")):
        adata = anndata.read_h5ad(path)
        matrix = sparse.csr_matrix(adata.X).copy()
        matrix.eliminate_zeros()
        genes = np.diff(matrix.indptr)
        yield path.stem, genes, adata.obs
        for column in ("batch", "donor"):
            if column in adata.obs:
                for name, rows in adata.obs.groupby(column, observed=True).indices.items():
                    if len(rows) >= FEWEST and len(rows) < len(genes):
                        yield f"{path.stem}: {name}", genes[rows], adata.obs.iloc[rows]


def worst_label(lost: np.ndarray, obs: pd.DataFrame) -> tuple[str, float]:
    """Return the label whose cells lose most, and what fraction."""
    result = [("", 0.0)]
    for column in LABELS:
        if column in obs:
            table = pd.Series(lost).groupby(obs[column].astype(str).to_numpy()).agg(["mean", "size"])
            table = table[table["size"] >= FEWEST]["mean"]
            if len(table):
                result.append((f"{column} {table.idxmax()}", float(table.max())))
    return max(result, key=lambda item: item[1])


def real(folder: Path) -> pd.DataFrame:
    """Return a row per study."""
    from panscape.preprocess.limits import lower_limit

    rows = []
    for name, genes, obs in files(folder):
        limit = lower_limit(genes)
        label, share = worst_label(genes < limit, obs)
        rows.append(
            {
                "study": name,
                "cells": len(genes),
                "median": float(np.median(genes)),
                "auto": limit,
                "below_auto": int((genes < limit).sum()),
                "below_500": int((genes < FIXED).sum()),
                "label": label,
                "its_loss": round(share, 3),
            }
        )
    return pd.DataFrame(rows)


def planted(seed: int) -> dict[str, float]:
    """Return how many good and debris cells the demo's studies have, and how many are below the limit."""
    from panscape.preprocess.limits import lower_limit
    from panscape.simulate.design import design
    from panscape.simulate.draw import study as simulate_study
    from panscape.simulate.settings import from_config

    settings = yaml.safe_load((ROOT / "config/demo.yaml").read_text())["simulation"]
    system = design(from_config(settings), seed)
    totals = dict.fromkeys(("debris", "debris_removed", "good", "good_removed"), 0)
    for study in system.settings.studies:
        drawn = simulate_study(system, study.name)
        genes = np.concatenate([np.diff(block.indptr) for _, block in drawn.blocks()])
        lost = genes < lower_limit(genes)
        for kind in ("debris", "good"):
            inside = (drawn.obs["quality"] == kind).to_numpy()
            totals[kind] += int(inside.sum())
            totals[f"{kind}_removed"] += int(lost[inside].sum())
    return totals


def false_alarms(runs: int) -> dict[str, float]:
    """Return the fraction of runs with p < .05 and with a warning, where no loss goes with an annotation."""
    from panscape.preprocess.kept import kept_table

    result: dict[str, list[tuple[bool, bool]]] = {}
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        lines = np.repeat([f"line{at}" for at in range(16)], 60)
        # lines differ in how much is lost of them, their outcome has no part in it
        kept = rng.random(960) < np.repeat(rng.uniform(0.3, 0.9, 16), 60)
        obs = {"line": lines, "outcome": np.repeat(rng.normal(size=16), 60)}
        even = {"kind": rng.choice(list("abc"), 960), "age": rng.uniform(0, 9, 960)}
        for name, table, left in (("lines", obs, kept), ("cells", even, rng.random(960) < 0.6)):
            removed = pd.DataFrame({"removed_by": np.where(left, "", "min_genes")})
            for row in kept_table(pd.DataFrame(table), removed, name).to_dict("records"):
                if row["column"] != "line":
                    result.setdefault(row["column"], []).append((row["pvalue"] < 0.05, row["uneven"]))
    return {
        name: {"p_below_.05": float(p), "warned": float(warned)}
        for name, (p, warned) in ((name, np.mean(rows, axis=0)) for name, rows in result.items())
    }


def main() -> None:
    """Print a table of the real studies, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with h5ad files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=int, default=300, help="for the rate of false alarms")
    args = parser.parse_args()
    table = real(args.data)
    print(table.to_string(index=False), flush=True)
    runs = [planted(seed) for seed in args.seeds]
    summary = {
        "most_lost_auto": round(float((table["below_auto"] / table["cells"]).max()), 4),
        "most_lost_500": round(float((table["below_500"] / table["cells"]).max()), 4),
        "planted": {key: sum(run[key] for run in runs) for key in runs[0]},
        "false_alarms": false_alarms(args.runs),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
