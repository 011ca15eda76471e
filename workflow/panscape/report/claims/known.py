"""Claim on known networks."""

from __future__ import annotations

import pandas as pd

from panscape.report.claims.claim import SUPPORTED, UNDECIDED, Claim
from panscape.report.format import plural
from panscape.report.results import Results

VERDICTS = "overlap/verdicts.tsv"


TEXTS = {
    "panclusters": "The dictionary recovers known networks better than one resolution or all cells do",
    "mean-correlation": "Mean correlation within panclusters recovers known networks better than one "
    "resolution or all cells do",
}


def overlap_claims(results: Results) -> list[Claim]:
    """Return whether panclusters recover known networks better than single resolutions and all cells do."""
    if not results.has(VERDICTS):
        return []
    rows = results.table(VERDICTS, dtype={"network": str, "verdict": str, "best_baseline": str})
    if "target" not in rows:  # of an older version, which compared z by a rule that often erred
        return []
    return [
        _claim(rows[rows["target"] == target], text)
        for target, text in TEXTS.items()
        if (rows["target"] == target).any()
    ]


def _claim(rows: pd.DataFrame, text: str) -> Claim:
    """Return the claim on one graph from panclusters."""
    holds, fails = rows[rows["verdict"] == "holds"], rows[rows["verdict"] == "fails"]
    decided = SUPPORTED if len(holds) == len(rows) else UNDECIDED
    if len(fails):
        decided = f"not better than {fails['best_baseline'].mode().iloc[0].replace('-', ' ')}"
    most = rows.loc[rows["shared"].idxmax()]
    return Claim(
        text,
        f"in {len(holds)} of {plural(len(rows), 'network')}; {most['shared']:,.0f} of {most['edges']:,.0f} "
        f"edges known ({most['network']})",
        f"{str(most['best_baseline']).replace('-', ' ')}: {most['shared_baseline']:,.0f}",
        "rewired networks",
        plural(len(rows), "known network"),
        decided,
        "overlap",
        "the difference is within chance for some networks" if decided == UNDECIDED else "",
    )
