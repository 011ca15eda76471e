"""Where the CPU time of a run went: a row per rule, from the last lines of its logs.

Every job ends its log with the CPU time and peak memory that it used. The table says what a collection costs
and in which rules; the last line is one JSON object.

    python benchmarks/job_times.py logs/demo
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pandas as pd

USED = re.compile(r"used ([\d.]+) s of CPU time and at most (\d+) MB of memory")


def times(folder: Path) -> pd.DataFrame:
    """Return a row per rule, largest first: jobs, cpu_s (sum), peak_mb (highest), share of all CPU time."""
    rows = []
    for path in sorted(folder.rglob("*.log")):
        found = USED.findall(path.read_text(encoding="utf-8", errors="replace"))
        if found:
            rows.append((path.stem, float(found[-1][0]), int(found[-1][1])))
    if not rows:
        raise SystemExit(f"{folder}: no log of a finished job")
    table = pd.DataFrame(rows, columns=["rule", "cpu_s", "peak_mb"]).groupby("rule")
    result = table.agg(jobs=("cpu_s", "size"), cpu_s=("cpu_s", "sum"), peak_mb=("peak_mb", "max"))
    result["share"] = result["cpu_s"] / result["cpu_s"].sum()
    return result.sort_values("cpu_s", ascending=False).reset_index()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=Path, help="folder of the logs of a collection")
    table = times(parser.parse_args().logs)
    print(table.round(2).to_string(index=False))
    line = {"jobs": int(table["jobs"].sum()), "cpu_s": round(float(table["cpu_s"].sum()), 1)}
    print(json.dumps({"benchmark": "job_times", **line}))


if __name__ == "__main__":
    main()
