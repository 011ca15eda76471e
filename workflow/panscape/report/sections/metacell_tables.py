"""Tables of metacells: methods side by side, evidence of links."""

from __future__ import annotations

import pandas as pd

from panscape.plot.links import METHODS
from panscape.report.format import between
from panscape.report.results import Results
from panscape.report.sections.doubts import MODALITIES

FOLDER = "metacells"
METRICS = (
    ("purity", "purity, by cells"),
    ("sd_within", "sd within metacells"),
    ("compactness_guarded", "compactness"),
    ("separation_guarded", "separation"),
    ("heterogeneity", "heterogeneity"),
    ("dubious", "dubious"),
    ("depth_cv", "depth CV"),
)


def samples(results: Results) -> list[str]:
    """Return the samples that were grouped."""
    return sorted(
        file.split("/")[1]
        for file in results.files
        if file.startswith(f"{FOLDER}/") and file.endswith("/metrics.tsv")
    )


def metrics(results: Results, sample: str) -> pd.DataFrame:
    """Return the measures of a sample: method, metric, modality (or column), value."""
    scores = results.table(f"{FOLDER}/{sample}/metrics.tsv", dtype={"method": str, "modality": str})
    return scores.assign(modality=scores["modality"].fillna(""))


def called(table: pd.DataFrame, method: str) -> str:
    """Return the display name of a method, with the labels its embedding was conditioned on."""
    name, column = METHODS.get(method, method), conditioned_on(table, method)
    return f"{name}, conditioned on {column}" if column else name


def conditioned_on(table: pd.DataFrame, method: str) -> str:
    """Return the label column that a method's embedding was conditioned on, or ""."""
    labels = table.loc[table["method"] == method, "conditioned_on"].dropna()
    return str(labels.iloc[0]) if len(labels) else ""


def comparison(results: Results, sample: str) -> pd.DataFrame:
    """Return the table of methods: one row each, one column per measure."""
    scores = metrics(results, sample)
    value = scores.set_index(["method", "metric", "modality"])["value"]
    rows = []
    for method in dict.fromkeys(scores["method"]):
        row = {"method": called(scores, method)}
        low, high = (int(value[(method, name, "")]) for name in ("smallest", "largest"))
        row["cells in a metacell"] = between(low, high)
        for metric, title in METRICS:
            for modality in dict.fromkeys(scores.loc[scores["metric"] == metric, "modality"]):
                row[f"{title}: {MODALITIES.get(modality, modality)}"] = value.get((method, metric, modality))
        rows.append(row)
    return pd.DataFrame(rows)


def link_evidence(results: Results, sample: str) -> pd.DataFrame:
    """Return the evidence of links, one row per method (empty without links)."""
    evidence = results.table(f"{FOLDER}/{sample}/evidence.tsv", dtype={"method": str, "measure": str})
    evidence = evidence[evidence["method"] != "genome"]
    if not len(evidence):
        return pd.DataFrame()
    wide = evidence.pivot_table(index="method", columns="measure", values="value", sort=False, dropna=False)
    order = ["negative", "negative_trans", "auc", "median", "median_trans", "planted_median", "planted_auc"]
    wide = wide[[name for name in order if name in wide]]
    wide.insert(0, "method_name", [called(evidence, name) for name in wide.index])
    return wide.reset_index(drop=True)


def evidence_of(results: Results, sample: str) -> dict[tuple[str, str], float]:
    """Return (method, measure) -> value of a sample's links."""
    evidence = results.table(f"{FOLDER}/{sample}/evidence.tsv", dtype={"method": str, "measure": str})
    rows = evidence[["method", "measure", "value"]].itertuples(index=False)
    return {(method, measure): value for method, measure, value in rows}
