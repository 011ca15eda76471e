"""Lines of the section on networks: what tests permute, and lines whose networks are doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.report.blocks import Block, Paragraph, table
from panscape.report.format import listing
from panscape.report.results import Results
from panscape.report.sections.sivae import LINES
from panscape.sivae.networks.within import kinds_of

TESTS, RELIABILITY = "networks/tests.tsv", "networks/reliability.tsv"
# columns of the tests that are text, also where all of their rows are empty
TEXT = dict.fromkeys(["part", "model", "phenotype", "statistic", "status"], str)


def networks_of(results: Results) -> str:
    """Return what has a network: every line, or every cell type of a line."""
    kinds = kinds_of(results.table(LINES, dtype={"line": str, "name": str, "within": str}))
    if kinds == [""]:
        return "Every line has its network"
    return (
        f"Every line has a network of each of its cell types ({listing(kinds)}) with enough cells, and lines "
        "are compared within types"
    )


def within_types(results: Results) -> str:
    """Return the words that say within what lines were compared; empty if they were not divided."""
    within = results.settings("sivae").get("within")
    return f" within each {str(within).replace('_', ' ')}" if within else ""


def confounders(warned: pd.DataFrame) -> list[Block]:
    """Return a warning for each property of lines that follows a phenotype, with what was done."""
    texts = [str(text)[0].upper() + str(text)[1:] + "." for text in dict.fromkeys(warned["status"])]
    return [Paragraph(text, "warning") for text in texts]


def tested_designs(designs: pd.DataFrame) -> list[Block]:
    """Return the table of what was permuted for each phenotype."""
    if designs.empty:
        return []
    shown = designs[["phenotype", "status", "n", "value"]]
    titles = {"status": "samples and permutations", "value": "smallest attainable p"}
    text = "Samples of the tests of each phenotype, and the smallest p that their permutations allow."
    return [table(shown, titles=titles, caption=text, file=TESTS)]


def reliability_flags(results: Results) -> list[Block]:
    """Return warnings and notes on lines whose networks are not reliable."""
    reliability = results.table(RELIABILITY, dtype={"line": str, "model": str, "flag": str})
    of_models = reliability[(reliability["model"] == "sivae") & (reliability["measure"] == "neighbours")]
    blocks: list[Block] = []
    for flag, text in (
        ("unreliable", "Parts of the line's cells do not reproduce the network of {}: interpret it "
         "with caution."),
        (
            "collapsed",
            "The model of {} has collapsed: it explains almost none of the line's expression. Its "
            "network is not interpretable.",
        ),
        ("not distinct", "The network of {} is as similar between lines as between parts of the line."),
        ("unknown", "The reliability of {} is unknown: one bin, and no halves were trained."),
    ):  # fmt: skip
        lines = of_models.loc[of_models["flag"] == flag, "line"].tolist()
        if lines:
            shown = listing(lines[:10]) + (f" and {len(lines) - 10} more" if len(lines) > 10 else "")
            blocks.append(
                Paragraph(text.format(shown), "warning" if flag in ("unreliable", "collapsed") else "note")
            )
    return blocks


def tested_genes(used: Mapping[str, Any]) -> str:
    """Return the words on the genes that were tested; empty if all were."""
    fraction = float(used.get("central_fraction", 1))
    return f" among the {100 * fraction:g} % of highest mean centrality" if fraction < 1 else ""
