"""Claim on known networks."""

from __future__ import annotations

from panscape.report.claims.claim import SUPPORTED, UNDECIDED, Claim
from panscape.report.format import plural
from panscape.report.results import Results

VERDICTS = "overlap/verdicts.tsv"


def overlap_claims(results: Results) -> list[Claim]:
    """Return whether panclusters recover known networks better than single resolutions and all cells do."""
    if not results.has(VERDICTS):
        return []
    rows = results.table(VERDICTS, dtype={"network": str, "verdict": str, "best_baseline": str})
    rows = rows[rows["verdict"] != "none"]
    if rows.empty:
        return []
    holds, fails = rows[rows["verdict"] == "holds"], rows[rows["verdict"] == "fails"]
    decided = SUPPORTED if len(holds) == len(rows) else UNDECIDED
    if len(fails):
        decided = f"not better than {fails['best_baseline'].mode().iloc[0].replace('-', ' ')}"
    best = rows.loc[rows["z"].idxmax()]
    return [
        Claim(
            "Panclusters recover known networks better than one resolution or all cells do",
            f"in {len(holds)} of {plural(len(rows), 'network')}; largest z {best['z']:.1f} "
            f"({best['network']})",
            f"{str(best['best_baseline']).replace('-', ' ')}: z {best['z_baseline']:.1f}",
            "z 0 (rewired graphs)",
            plural(len(rows), "known network"),
            decided,
            "overlap",
            "the difference is within chance for some networks" if decided == UNDECIDED else "",
        )
    ]
