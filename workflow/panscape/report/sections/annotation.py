"""Annotation of studies that the learned coordinates were not trained on."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Paragraph, table
from panscape.report.format import count, fixed, listing, percent, plural
from panscape.report.results import Results
from panscape.report.section import Section

STUDIES, CLASSES = (f"unicoord/annotation_{name}.tsv" for name in ("studies", "classes"))
_TEXT = {"study": str, "label": str, "kind": str, "value": str}
_MUCH = 0.3  # fraction of unknown cells worth a note


def _studies(results: Results) -> pd.DataFrame:
    """Return the table of studies, those with most unlabelled cells first."""
    rows = results.table(STUDIES, dtype=_TEXT)
    return rows.sort_values(["unlabelled", "study"], ascending=[False, True], kind="stable")


def _headline(results: Results) -> list[str]:
    rows = _studies(results)
    parts = [
        f"{label.replace('_', ' ')} ({count(part['unlabelled'].sum())} unlabelled cells, "
        f"{percent((part['unknown'] * part['cells']).sum() / part['cells'].sum())} of all unknown)"
        for label, part in rows.groupby("label", sort=False)
    ]
    number = plural(rows["study"].nunique(), "study", "studies")
    return [f"{number} were annotated with a model that has not seen them: {listing(parts)}."]


def _blocks(results: Results) -> list[Block]:
    rows = _studies(results)
    source = results.settings("unicoord")["apply"]["model"]
    text = (
        f"Annotated by the model {f'in {source}' if source else 'of this collection'}; nothing of these "
        "studies was trained on. Each study was aligned with the training cells class by class. Unknown "
        "cells are unlike all classes of the model; probabilities hold for the others."
    )
    blocks: list[Block] = [Paragraph(text)]
    many = rows[rows["unknown"] > _MUCH]
    if len(many):
        names = listing([f"{row.study} ({row.label}, {percent(row.unknown)})" for row in many.itertuples()])
        blocks.append(
            Paragraph(
                f"Many cells are unknown in {names}: they may be of types that the model lacks, or of lower "
                "quality; look at them before you use their labels.",
                "note",
            )
        )
    shown = rows.assign(
        unknown=rows["unknown"].map(percent),
        confidence=rows["confidence"].map(_or_nothing),
        agreement=rows["agreement"].map(_or_nothing),
    ).drop(columns="kind")
    titles = {"confidence": "median probability", "agreement": "agreement with given labels"}
    caption = "Studies and labels; those with most unlabelled cells first."
    blocks.append(table(shown, titles=titles, caption=caption, file=STUDIES))
    classes = results.table(CLASSES, dtype=_TEXT)
    if len(classes):
        classes = classes.sort_values(
            ["study", "label", "unlabelled", "cells"], ascending=[True, True, False, False], kind="stable"
        ).assign(unknown=classes["unknown"].map(percent), confidence=classes["confidence"].map(_or_nothing))
        caption = "Predicted classes of every study, with the fraction of their cells that is unknown."
        blocks.append(
            table(
                classes,
                titles={"value": "class", "confidence": "median probability"},
                caption=caption,
                file=CLASSES,
            )
        )
    return blocks


def _or_nothing(value: float) -> str:
    return "" if pd.isna(value) else fixed(value, 3)


def _methods(results: Results) -> list[str]:
    names = list(dict.fromkeys(_studies(results)["study"]))
    return [
        f"The cells of {listing(names)} were annotated by a UniCoord model that was not trained on them; "
        "each study's predicted classes were moved onto the training cells' means before labels were read, "
        "and the probabilities of a study are on average not higher than the agreement of the model's "
        "network and linear classifiers on its cells."
    ]


SECTION = Section(
    "annotation",
    "Annotated studies",
    (STUDIES, CLASSES),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("unicoord", "guo2017calibration", "jiang2022disagreement"),
    optional=True,
)
