"""Claims on the models and networks of lines."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from panscape.report.claims.claim import LEVEL, UNDECIDED, Claim, by_chance, verdict
from panscape.report.format import count, fixed, number, plural, pvalue
from panscape.report.results import Results
from panscape.report.sections.network_engines import MODELS
from panscape.report.sections.network_lines import TESTS, TEXT
from panscape.report.sections.network_methods import GENES, words
from panscape.report.sections.sivae import MODELS as OF_LINES
from panscape.report.sections.sivae import models

_SIGNED = 6  # lines: with fewer, no sign test reaches 0.05


def model_claims(results: Results) -> list[Claim]:
    """Return the claim that the models predict held-out cells of the lines."""
    if not results.has(OF_LINES):
        return []
    rows = models(results)
    rows = rows[~rows["bin"].str.startswith("half-") & rows["test_mse"].notna() & rows["pca_mse"].notna()]
    if rows.empty:
        return []
    by_line = rows.groupby("line")[["test_mse", "pca_mse", "null_mse"]].mean()
    difference = by_line["pca_mse"] - by_line["test_mse"]
    few = len(by_line) < _SIGNED
    better = bool((by_line["test_mse"] < by_line["null_mse"]).mean() > 0.5)
    decided = verdict(
        beats_chance=None if few else better,
        baseline="PCA",
        margin=float(difference.mean()),
        error=float(difference.std(ddof=1) / math.sqrt(len(difference))) if len(difference) > 1 else math.nan,
    )
    error = by_line.mean()
    return [
        Claim(
            "The lines' models predict cells they have not seen",
            f"error {fixed(error['test_mse'], 3)}",
            f"PCA: {fixed(error['pca_mse'], 3)}",
            f"{fixed(error['null_mse'], 3)} (genes' means)",
            plural(len(by_line), "line"),
            decided,
            "sivae",
            f"fewer than {_SIGNED} lines" if decided == UNDECIDED else "",
        )
    ]


def network_claims(results: Results) -> list[Claim]:
    """Return per phenotype whether networks of similar lines are similar, and whether genes follow it."""
    if not results.has(TESTS, GENES):
        return []
    tests = results.table(TESTS, dtype=TEXT)
    units, made = _units(results), []
    designs = tests[tests["part"] == "design"]
    floors = dict(zip(designs["phenotype"], designs["value"].astype(float), strict=True))
    for phenotype in dict.fromkeys(tests["phenotype"].dropna()):
        rows = tests[(tests["phenotype"] == phenotype) & (tests["status"] == "tested")]
        rows = rows.assign(unit=units.get(phenotype, "line"), floor=floors.get(phenotype, math.nan))
        made += [_similar(rows, phenotype), _genes(rows, phenotype)]
    return [claim for claim in made if claim is not None]


def _units(results: Results) -> dict[str, str]:
    """Return phenotype -> what its tests permute, e.g. ``donor``."""
    table = results.table(GENES, dtype={"gene": str, "phenotype": str, "model": str, "unit": str})
    if "unit" not in table:
        return {}
    known = table.dropna(subset=["unit"]).drop_duplicates("phenotype")
    return dict(zip(known["phenotype"], known["unit"], strict=True))


def _similar(rows: pd.DataFrame, phenotype: str) -> Claim | None:
    rows = rows[rows["statistic"] == "mantel"]
    own = rows[rows["model"] == "sivae"]
    if own.empty:
        return None
    row = own.iloc[0]  # the kernel that is configured first
    name, other = _best(rows[rows["part"] == row["part"]])
    text = f"Lines of similar {words(phenotype)} have similar networks"
    return _claim(text, f"Mantel's r = {fixed(row['value'])}", row, name, other, fixed)


def _genes(rows: pd.DataFrame, phenotype: str) -> Claim | None:
    rows = rows[(rows["part"] == "genes") & (rows["statistic"] == "genes found, controlled")]
    own = rows[rows["model"] == "sivae"]
    if own.empty:
        return None
    row = own.iloc[0]
    name, other = _best(rows)
    text = f"Connectivity of genes follows {words(phenotype)} beyond the controls"
    return _claim(text, plural(int(row["value"]), "gene"), row, name, other, count)


def _best(rows: pd.DataFrame) -> tuple[str, float]:
    """Return the best of PCA's and Pearson's networks."""
    plain = rows[rows["model"].isin(["pca", "pearson"]) & rows["value"].notna()]
    if plain.empty:
        return "", math.nan
    best = plain.loc[plain["value"].idxmax()]
    return f"{MODELS[str(best['model'])]} networks", float(best["value"])


def _claim(text: str, evidence: str, row: pd.Series, name: str, other: float, show) -> Claim:
    n, why = plural(int(row["n"]), str(row["unit"])), "no p-value or no error of the difference"
    better = by_chance(row["pvalue"])
    if not better and row["floor"] > LEVEL:  # not found, and could hardly have been
        better, why = None, f"ranks of {n} give no p below {number(row['floor'], 2)}"
    decided = verdict(
        beats_chance=better,
        baseline=name,
        margin=float(row["value"] - other),
        error=float(row["null_sd"]) if np.isfinite(row["null_sd"]) else math.nan,
    )
    return Claim(
        text,
        evidence,
        f"{name}: {show(other)}" if name else "",
        f"{number(row['null_mean'], 2)} ± {number(row['null_sd'], 2)}, p = {pvalue(row['pvalue'])}",
        n,
        decided,
        "networks",
        why if decided == UNDECIDED else "",
    )
