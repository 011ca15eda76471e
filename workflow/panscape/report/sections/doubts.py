"""Warnings about the metacells of a sample."""

from __future__ import annotations

import pandas as pd

from panscape.preprocess import losses
from panscape.report.blocks import Block, Paragraph
from panscape.report.format import fixed, plural
from panscape.report.results import Results

MIN_METACELLS = 20  # minimum number of metacells for reliable correlations and medians
MODALITIES = {"rna": "RNA", "atac": "accessibility"}


def unlearned(table: pd.DataFrame) -> list[str]:
    """Return the modalities that a learned embedding does not predict in held-out cells."""
    nats = table[(table["method"] == "coem") & (table["metric"] == "held_out_nats")]
    return [MODALITIES.get(name, name) for name in nats.loc[nats["value"] <= 0, "modality"]]


def doubts(results: Results, sample: str, scores: pd.DataFrame) -> list[Block]:
    """Return warnings of few metacells, and of modalities that the embedding does not predict.

    Parameters
    ----------
    results
        The report's results.
    sample
        Name of the sample.
    scores
        Its measures: method (the main one first), metric, modality, value.
    """
    main = scores["method"].iloc[0]
    value = scores.set_index(["method", "metric", "modality"])["value"]
    number = int(value[(main, "metacells", "")])
    texts = []
    if number < MIN_METACELLS:
        texts.append(
            f"{plural(number, 'metacell')} are few: correlations of peaks with genes over metacells, and "
            "medians of scores, are unreliable. Lower metacells.cells_per_metacell, or pool samples "
            "(metacells.pool)." + _lost(results, sample)
        )
    for name in unlearned(scores):
        key = {text: key for key, text in MODALITIES.items()}.get(name, name)
        texts.append(
            f"The learned embedding does not predict {name} in held-out cells "
            f"({fixed(value[('coem', 'held_out_nats', key)], 1)} nats per cell), so it places cells by the "
            f"other modality alone. Compare it with {name} alone below, and check the depth of {name}."
        )
    return [Paragraph(text, "warning") for text in texts]


def _lost(results: Results, sample: str) -> str:
    """Return a sentence on quality control if it removed most cells of a sample."""
    if not results.has("preprocess/qc.tsv"):
        return ""
    qc = results.table("preprocess/qc.tsv", dtype={"study": str, "filter": str}).fillna("")
    text = ""
    for study, rows in qc.groupby("study", sort=False):
        rows = rows.to_dict("records")
        if study == sample and losses.fraction_lost(rows) > losses.HALF:
            text = f" Quality control {losses.sentence(rows)}; to keep more, {losses.remedy(rows)}."
    return text
