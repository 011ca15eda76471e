"""How much of the landscape's order depends on the choices that it was made with."""

from __future__ import annotations

import pandas as pd

from panscape.coscape.landscape.varied import CONFIGURED, lowest
from panscape.report.blocks import Block, Heading, Paragraph
from panscape.report.format import fixed
from panscape.report.results import Results, caption

STEM = "landscape/sensitivity"
TITLE = "Sensitivity to other choices"


def sensitivity(results: Results) -> list[Block]:
    """Return the blocks of the sensitivity, none if it was not computed."""
    if not results.figures(STEM):
        return []
    picture = results.picture(STEM, TITLE, caption=caption("sensitivity"))
    return [Heading(TITLE), *(Paragraph(text) for text in sensitivity_sentences(results)), picture]


def sensitivity_sentences(results: Results) -> list[str]:
    """Return what the worst of the other choices gives: sentences on the order, on age, and on failures."""
    if not results.has(f"{STEM}.tsv"):
        return []
    table = results.table(f"{STEM}.tsv", dtype={"varied": str, "value": str})
    return [text for text in (_order(table), _age(table), _without(table)) if text]


def _order(table: pd.DataFrame) -> str:
    row = lowest(table, "rho_configured")
    if row is None:
        return ""
    return (
        f"With {len(table) - 1} other choices the order of the clusters agrees with the configured one at "
        f"ρ = {fixed(row['rho_configured'])} or more (lowest: {_choice(row)})."
    )


def _age(table: pd.DataFrame) -> str:
    row = lowest(table, "rho_age")
    if row is None:
        return ""
    usual = table.loc[table["varied"] == CONFIGURED, "rho_age"].iloc[0]
    most = table.loc[table["varied"] != CONFIGURED, "rho_age"].max()
    return (
        f"Its ρ with age is {fixed(usual)} as configured and {fixed(row['rho_age'])} to {fixed(most)} with "
        f"these choices (lowest: {_choice(row)})."
    )


def _without(table: pd.DataFrame) -> str:
    known = table["rho_configured"].notna()
    number = int((~known).sum())
    if not number or not known.any():  # without a root nothing has an order
        return ""
    return f"With {number} of these choices there is no order to compare."


def _choice(row: pd.Series) -> str:
    return f"{row['varied']}, {row['value']}"
