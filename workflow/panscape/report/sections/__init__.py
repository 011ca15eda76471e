"""The sections of the report, in the order of the page.

A new stage adds a module with one :class:`~panscape.report.section.Section` and its line here.
"""

from panscape.report.section import Section
from panscape.report.sections import (
    along,
    annotation,
    coexpression,
    dictionary,
    features,
    landscape,
    metacells,
    networks,
    overlap,
    panclust,
    preprocess,
    project,
    sivae,
    truth,
    unicoord,
)

SECTIONS: tuple[Section, ...] = (
    preprocess.SECTION,
    panclust.SECTION,
    coexpression.SECTION,
    landscape.SECTION,
    along.SECTION,
    dictionary.SECTION,
    project.SECTION,
    overlap.SECTION,
    sivae.SECTION,
    networks.SECTION,
    metacells.SECTION,
    features.SECTION,
    annotation.SECTION,
    unicoord.SECTION,
    truth.SECTION,
)

__all__ = ["SECTIONS"]
