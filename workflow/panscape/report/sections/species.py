"""Genes of studies of other species."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Heading, Paragraph, table
from panscape.report.format import count, listing, percent
from panscape.report.results import Results

ORTHOLOGUES = "preprocess/orthologues.tsv"
WORTH = 0.1  # lost share of the counts that gives a warning


def mapped(results: Results) -> pd.DataFrame:
    """Return the numbers of genes of the studies of other species; no row if there is none."""
    if not results.has(ORTHOLOGUES):
        return pd.DataFrame()
    return results.table(ORTHOLOGUES, dtype={"study": str, "species": str, "largest_lost": str})


def species_blocks(results: Results) -> list[Block]:
    """Return the blocks on genes mapped from other species."""
    rows = mapped(results)
    if rows.empty:
        return []
    reference = results.config["species"]
    text = (
        f"Genes of {listing(rows['study'])} were mapped to their {reference} orthologues. "
        + _relation(results, rows)
        + " Quality control counts all genes of a cell, also those without an orthologue."
    )
    lost = rows[rows["counts_lost"] > WORTH]
    warnings = [
        Paragraph(
            f"{percent(row['counts_lost'])} of the counts of {row['study']} are of genes not mapped, "
            f"most of {row['largest_lost']}. Add pairs of these genes to `orthologues.tables` if they have "
            "orthologues.",
            "warning",
        )
        for row in lost.to_dict("records")
    ]
    titles = {"reference_genes": f"{reference} genes", "none": "no orthologue", "counts_lost": "counts lost"}
    shown = rows.assign(counts_lost=rows["counts_lost"].map(percent)).rename(columns=titles)
    shown.columns = [name.replace("_", " ") for name in shown.columns]
    caption = "Genes of each study of another species by their relation to the reference's genes."
    return [Heading("Species"), Paragraph(text), *warnings, table(shown, caption=caption, file=ORTHOLOGUES)]


def _relation(results: Results, rows: pd.DataFrame) -> str:
    """Return what was done with genes that share an orthologue, by their numbers: a study may differ."""
    summed, dropped = (rows.loc[rows[name] > 0, "study"] for name in ("summed", "many_to_one"))
    if len(summed) and len(dropped):
        return (
            f"Counts of genes that share an orthologue were summed in {listing(summed)} and left out in "
            f"{listing(dropped)}; genes with several were left out."
        )
    asked = results.settings("orthologues").get("relation", "summed") == "summed"
    if len(summed) or (asked and not len(dropped)):
        return "Counts of genes that share an orthologue were summed; genes with several were left out."
    return "Genes that share an orthologue, or have several, were left out."


def species_methods(results: Results) -> list[str]:
    """Return the sentences of the Methods on genes mapped from other species."""
    rows = mapped(results)
    if rows.empty:
        return []
    numbers = [
        f"{count(row['mapped'])} of {count(row['genes'])} {row['species']} genes of {row['study']}"
        for row in rows.to_dict("records")
    ]
    return [
        f"After quality control of the cells, {listing(numbers)} were mapped to {results.config['species']} "
        f"orthologues. {_relation(results, rows)}"
    ]
