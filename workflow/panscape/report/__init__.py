"""One self-contained HTML report of a collection, and the Methods paragraph for its manuscript.

A section per stage: :class:`Section`, listed in :data:`panscape.report.sections.SECTIONS`.
"""

from panscape.report._blocks import Fold, Gallery, Heading, Paragraph, Picture, Table, table
from panscape.report._methods import Methods, markdown, methods
from panscape.report._page import page, summary, write_report
from panscape.report._results import Results, caption
from panscape.report._section import Section

__all__ = [
    "Fold",
    "Gallery",
    "Heading",
    "Methods",
    "Paragraph",
    "Picture",
    "Results",
    "Section",
    "Table",
    "caption",
    "markdown",
    "methods",
    "page",
    "summary",
    "table",
    "write_report",
]
