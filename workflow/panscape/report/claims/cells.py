"""Claims on metacells, gene sets and learned coordinates."""

from __future__ import annotations

import math

from panscape.plot.links import METHODS
from panscape.report.claims.claim import UNDECIDED, Claim, verdict
from panscape.report.format import fixed, plural
from panscape.report.results import Results
from panscape.report.sections import features
from panscape.report.sections.metacell_tables import samples
from panscape.report.sections.unicoord_tables import METRICS, MODEL, best_baseline, metrics


def metacell_claims(results: Results) -> list[Claim]:
    """Return per sample whether metacells reveal links of peaks to genes."""
    if not results.has("metacells/*/evidence.tsv"):
        return []
    made = []
    for sample in samples(results):
        name = f"metacells/{sample}/evidence.tsv"
        if not results.has(name):
            continue
        auc = results.table(name, dtype={"method": str, "measure": str})
        pairs = auc[auc["measure"] == "pairs"].set_index("method")["value"]
        auc = auc[auc["measure"] == "auc"].set_index("method")["value"].dropna()
        if auc.empty:
            continue
        own = str(auc.index[0])  # the method that made the metacells stands first
        plain = auc.drop([own, "random"], errors="ignore")
        best, other = (str(plain.idxmax()), float(plain.max())) if len(plain) else ("", math.nan)
        chance = float(auc.get("random", 0.5))
        label, short = METHODS.get(best, best), METHODS.get(own, own).split(",")[0]
        decided = verdict(
            beats_chance=bool(auc[own] > chance), baseline=label, margin=float(auc[own] - other)
        )
        made.append(
            Claim(
                f"Metacells of {sample} ({short}) tell peaks near a gene from distant ones",
                f"AUC {fixed(auc[own], 3)}",
                f"{label}: {fixed(other, 3)}" if best else "",
                f"{fixed(chance, 3)} (random groups)",
                plural(int(pairs.get(own, 0)), "pair"),
                decided,
                "metacells",
                "no error of the difference is known" if decided == UNDECIDED else "",
            )
        )
    return made


def feature_claims(results: Results) -> list[Claim]:
    """Return whether gene sets separate classes better than random sets."""
    if not results.has(features.STATISTICS, features.FEATURES):
        return []
    values = features.statistics(results)["value"]
    tested, passed = int(values["sets_tested"]), int(values["sets_passed"])
    fdr = results.settings("features").get("max_fdr", 0.05)
    return [
        Claim(
            "Gene sets separate cells better than random sets of the same size",
            f"{passed} of {tested} at FDR {fixed(fdr)}",
            "",
            f"FDR {fixed(fdr)}",
            plural(tested, "gene set"),
            verdict(beats_chance=passed > 0),
            "features",
        )
    ]


def coordinate_claims(results: Results) -> list[Claim]:
    """Return per label whether the learned coordinates predict it on test cells."""
    if not results.has(METRICS):
        return []
    scored = metrics(results)
    made = []
    for metric, word in (("accuracy", "accuracy"), ("r", "r")):
        for row in scored[scored["model"].eq(MODEL) & scored["metric"].eq(metric)].itertuples():
            name, other = best_baseline(scored, row.task, metric)
            sizes = scored[scored["task"].eq(row.task) & scored["metric"].eq("n") & scored["model"].eq(MODEL)]
            n = int(sizes["value"].iloc[0]) if len(sizes) else 0
            chance = float(row.null) if metric == "accuracy" else 0.0
            margin, error = (_of_shares if metric == "accuracy" else _of_correlations)(row.value, other, n)
            decided = verdict(
                beats_chance=bool(row.value > chance) if math.isfinite(chance) and n else None,
                baseline=name,
                margin=margin,
                error=error,
            )
            label = row.task.replace("_", " ")
            made.append(
                Claim(
                    f"Learned coordinates predict {label}",
                    f"{word} {fixed(row.value, 3)}",
                    f"{name}: {fixed(other, 3)}" if name else "",
                    fixed(chance, 3),
                    plural(n, "test cell"),
                    decided,
                    "unicoord",
                    "no chance level or no error of the difference" if decided == UNDECIDED else "",
                )
            )
    return made


def _of_shares(value: float, other: float, n: int) -> tuple[float, float]:
    """Return the difference of two shares of n cells, and its standard error as if cells were other ones."""
    if not n:
        return math.nan, math.nan
    return value - other, math.sqrt((value * (1 - value) + other * (1 - other)) / n)


def _of_correlations(value: float, other: float, n: int) -> tuple[float, float]:
    """Return the difference of two correlations on Fisher's scale, and its standard error."""
    if n <= 3 or not max(abs(value), abs(other)) < 1:
        return math.nan, math.nan
    return math.atanh(value) - math.atanh(other), math.sqrt(2 / (n - 3))
