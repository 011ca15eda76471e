"""Groups of genes by several methods on counts and halves of their cells, and how alike they are.

A folder has the counts of every study, STUDY.h5ad, `genes.txt` with the genes to analyse, and `panclust.json`
with panscape's smallest pancluster; `_programs.py` runs a method on it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

SMALLEST = 5  # genes of a group whose stability and enrichment are measured


def describe(folder: Path, genes: list[str], min_cells: int | str) -> None:
    """Write the genes and the smallest pancluster of a folder, a number of cells or ``auto``."""
    (folder / "genes.txt").write_text("\n".join(genes))
    (folder / "panclust.json").write_text(json.dumps({"min_cells": min_cells}))


def halves(folder: Path, seed: int) -> list[Path]:
    """Write two halves of the cells of every study."""
    import anndata

    genes = (folder / "genes.txt").read_text().split()
    smallest = json.loads((folder / "panclust.json").read_text())["min_cells"]
    parts = [folder / f"half-{at}" for at in range(2)]
    for part in parts:
        part.mkdir()
        describe(part, genes, smallest if smallest == "auto" else smallest // 2)
    rng = np.random.default_rng(seed)
    for path in sorted(folder.glob("*.h5ad")):
        data = anndata.read_h5ad(path)
        first = rng.random(data.n_obs) < 0.5
        for part, rows in zip(parts, (first, ~first), strict=True):
            data[rows].copy().write_h5ad(part / path.name)
    return parts


def run(name: str, folder: Path, k: int, seed: int, python: str) -> dict:
    """Run a method on a folder and return what it wrote; `missing` says why it did not."""
    script = Path(__file__).with_name("_programs.py")
    done = subprocess.run([python, script, name, folder, str(k), str(seed)], capture_output=True, text=True)
    result = folder / f"{name}.json"
    if not result.exists():
        ends = done.stderr.strip().splitlines()[-1:] or ["no result"]
        print(f"left out: {name} ({ends[0]})", file=sys.stderr, flush=True)
        return {"missing": ends[0]}
    return json.loads(result.read_text())


def scores_of(folder: Path, name: str) -> pd.DataFrame:
    """Return the scores that a method wrote: cells of all studies, in the order of their files, x groups."""
    saved = np.load(folder / f"{name}.npz")
    return pd.DataFrame(saved["scores"], columns=saved["names"])


def groups_of(genes: list[str], group: list[str]) -> dict[str, set[str]]:
    """Return the genes of every group, without "" (no place)."""
    table = pd.Series(genes).groupby(np.array(group, dtype=object)).agg(set)
    return {name: members for name, members in table.items() if name}


def jaccard(one: set[str], two: set[str]) -> float:
    """Return the Jaccard index."""
    return len(one & two) / max(len(one | two), 1)


def stability(one: dict[str, set[str]], two: dict[str, set[str]]) -> float:
    """Return the mean best Jaccard index of groups of at least five genes between two results."""
    sides = [{k: v for k, v in part.items() if len(v) >= SMALLEST} for part in (one, two)]
    best = [
        max((jaccard(a, b) for b in y.values()), default=0)
        for x, y in (sides, sides[::-1])
        for a in x.values()
    ]
    return float(np.mean(best)) if best else 0.0


def half_stability(name: str, parts: list[Path], k: int, seed: int, python: str) -> float:
    """Return the stability of a method's groups between the folders of :func:`halves`."""
    genes = (parts[0] / "genes.txt").read_text().split()
    results = [run(name, part, k, seed, python) for part in parts]
    if any("missing" in result for result in results):
        return float("nan")
    one, two = (groups_of(genes, result["group"]) for result in results)
    return stability(one, two)


def auroc(score: np.ndarray, high: np.ndarray) -> float:
    """Return the probability that a high cell has the larger score."""
    from scipy.stats import rankdata

    rank, count = rankdata(score), int(high.sum())
    return float((rank[high].sum() - count * (count + 1) / 2) / (count * (len(high) - count)))


def markdown(rows: list[dict], columns: dict[str, str]) -> str:
    """Return rows as a table in Markdown.

    Parameters
    ----------
    rows
        Values by name.
    columns
        Name -> format, as `.2f`; a name that a row lacks is left empty.
    """
    lines = [list(columns), ["---"] * len(columns)]
    for row in rows:
        found = {name: row.get(name) for name in columns}
        lines.append(
            [format(value, columns[name]) if value is not None else "" for name, value in found.items()]
        )
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
