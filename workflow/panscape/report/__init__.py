"""One self-contained HTML report of a collection, and the Methods paragraph for its manuscript.

A section per stage: :class:`Section`, listed in :data:`panscape.report.sections.SECTIONS`.
"""
