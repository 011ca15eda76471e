"""A section of the report: one per stage, listed in :data:`panscape.report.sections.SECTIONS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from panscape.config import studies
from panscape.report.blocks import Block, Paragraph
from panscape.report.results import Results


def _nothing(results: Results) -> list[str]:
    return []


@dataclass(frozen=True)
class Section:
    """Section of the report on one stage.

    Parameters
    ----------
    name
        Name of the stage (and of its target); the anchor in the page.
    title
        Heading.
    needs
        Files without which there is nothing to report, relative to ``results/{collection}``; ``*`` stands
        for any study.
    blocks
        Returns the section's content.
    headline
        Sentences for the summary at the top of the report.
    methods
        Sentences for the Methods paragraph, with the settings in them.
    references
        Of the methods used: keys of the bibliography (:mod:`panscape.report.bibliography`).
    idle
        Keys among `references` whose methods these results do not use.
    optional
        An optional section without its files is omitted silently, unless `report` requests it.
    use
        The analysis it belongs to; the section is also omitted without files and without a study in that
        analysis (``studies[].use``).
    """

    name: str
    title: str
    needs: tuple[str, ...]
    blocks: Callable[[Results], Sequence[Block]]
    headline: Callable[[Results], Sequence[str]] = _nothing
    methods: Callable[[Results], Sequence[str]] = _nothing
    references: tuple[str, ...] = ()
    idle: Callable[[Results], Sequence[str]] = _nothing
    optional: bool = False
    use: str = "any"

    def ran(self, results: Results) -> bool:
        """Return whether the stage's files exist."""
        return results.has(*self.needs)

    def cited(self, results: Results) -> list[str]:
        """Return the keys of the references whose methods were used."""
        unused = set(self.idle(results))
        return [key for key in self.references if key not in unused]

    def shown(self, results: Results) -> bool:
        """Return whether the section is in the report, even if only to note that the stage did not run."""
        wanted = not self.optional or bool(results.settings("report").get(self.name))
        return self.ran(results) or (wanted and bool(studies.used_by(results.config, self.use)))

    def content(self, results: Results) -> list[Block]:
        """Return the section's blocks, or a sentence that explains why there are none."""
        if self.ran(results):
            return list(self.blocks(results))
        text = (
            f"This stage is not part of this report: run `snakemake {self.name}` with the collection's YAML."
        )
        return [Paragraph(text, "note")]
