"""What the learned embedding holds of each modality, and whether metacells follow batches."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Paragraph
from panscape.report.format import fixed, listing, percent
from panscape.report.results import Results
from panscape.report.sections.doubts import MODALITIES


def modality_blocks(results: Results, scores: pd.DataFrame) -> list[Block]:
    """Return the paragraphs on what was learned of each modality and on batches.

    Parameters
    ----------
    results
        The report's results.
    scores
        Measures of a sample: method (the main one first), metric, modality, value.
    """
    blocks: list[Block] = []
    if learned := _learned(scores):
        blocks.append(Paragraph(learned))
    blocks += _batches(results, scores)
    return blocks


def learned_sentence(scores: pd.DataFrame) -> str:
    """Return a sentence on the gain of each modality in held-out cells; "" without a learned embedding."""
    value = _held_out(scores)
    parts = [
        f"{_name(of)} by {fixed(nats, 1)} nats per cell{_error(value, of)}"
        for (metric, of), nats in value.items()
        if metric == "held_out_nats" and nats > 0
    ]
    if not parts:
        return ""
    return (
        "In held-out cells the coordinates predict withheld counts better than the cell's depth and the "
        f"mean profile do: {listing(parts)}."
    )


def _learned(scores: pd.DataFrame) -> str:
    """Return what was learned of each modality, the null, and what each modality alone tells."""
    text, value = learned_sentence(scores), _held_out(scores)
    if not text:
        return ""
    nulls = [
        f"{fixed(nats, 1)} for {_name(of)}"
        for (metric, of), nats in value.items()
        if metric == "held_out_shuffled"
    ]
    if nulls:
        text += f" The coordinates of another cell of the batch would give {listing(nulls)}."
    for shown, name in MODALITIES.items():
        told = [
            f"{fixed(nats, 1)}{_error(value, of, f'_from_{shown}')} of {_name(of)}"
            for (metric, of), nats in value.items()
            if metric == f"held_out_nats_from_{shown}"
        ]
        if told:
            text += f" Coordinates from {name} alone tell {listing(told)}."
    return text


def _batches(results: Results, scores: pd.DataFrame) -> list[Block]:
    rows = scores[scores["metric"] == "one_batch"]
    if not len(rows):
        return []
    main = scores["method"].iloc[0]
    value = rows.set_index("method")["value"]
    column = str(rows["modality"].iloc[0])
    beside = f" ({percent(value['random'])} of random groups)" if "random" in value else ""
    text = (
        f"{percent(value[main])} of the metacells{beside} are of one {column} (95 % of their cells or more)."
    )
    corrected = results.settings("coem").get("batch_key", "auto") is not None
    if main == "coem" and corrected:
        return [Paragraph(f"The embedding was corrected for {column} (`coem.batch_key`). {text}")]
    why = (
        "`coem.batch_key` is null"
        if main == "coem"
        else "this embedding is not; `metacells.embedding: coem` is"
    )
    return [Paragraph(f"Cells are not corrected for {column} ({why}). {text}", "warning")]


def _held_out(scores: pd.DataFrame) -> dict[tuple[str, str], float]:
    rows = scores[(scores["method"] == "coem") & scores["metric"].str.startswith("held_out_")]
    keys = zip(rows["metric"], rows["modality"], strict=True)
    return dict(zip(keys, rows["value"].astype(float), strict=True))


def _error(value: dict[tuple[str, str], float], of: str, after: str = "") -> str:
    error = value.get((f"held_out_se{after}", of))
    return "" if error is None else f" (standard error {fixed(error, 1)})"


def _name(modality: str) -> str:
    return MODALITIES.get(modality, modality)
