"""Figures of the landscape, and reasons for those that are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from panscape.config import figures
from panscape.report.blocks import Block, Paragraph
from panscape.report.results import Results

FOLDER = "landscape/figures"
NOT_DRAWN = f"{FOLDER}/not_drawn.tsv"


def not_drawn(results: Results) -> dict[str, str]:
    """Return figure -> reason of the figures without content."""
    if not results.has(NOT_DRAWN):
        return {}
    table = results.table(NOT_DRAWN, dtype=str)
    return dict(zip(table["figure"], table["reason"], strict=True))


def drawn(results: Results) -> dict[str, str]:
    """Return figure -> title of the landscape's figures that exist and have content."""
    there = {stem.rsplit("/", 1)[-1] for stem in results.figures(f"{FOLDER}/*")} - set(not_drawn(results))
    return {name: title for name, title in figures.landscape(results.config).items() if name in there}


def left_out(results: Results, names: Iterable[str]) -> list[Block]:
    """Return a note on named figures without content; empty if all have content."""
    missing, titles = not_drawn(results), figures.landscape(results.config)
    by_reason: dict[str, list[str]] = {}
    for name in names:
        if name in missing:
            by_reason.setdefault(missing[name], []).append(_title(name, titles))
    if not by_reason:
        return []
    parts = [f"{', '.join(names)} ({reason})" for reason, names in by_reason.items()]
    return [Paragraph(f"Not drawn: {'; '.join(parts)}.", "note")]


def _title(name: str, titles: Mapping[str, str]) -> str:
    title = titles.get(name, name)
    return f"map of {title[:1].lower()}{title[1:]}" if name.startswith("map-") else title
