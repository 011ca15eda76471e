"""Which studies a sentence is about."""

from __future__ import annotations

from panscape.config import studies
from panscape.report.format import listing
from panscape.report.results import Results


def landscape_studies(results: Results) -> list[str]:
    """Return the studies that take part in the landscape, in their order."""
    return studies.used_by(results.config, "landscape")


def each_study(results: Results) -> str:
    """Return e.g. ``each study``, or the names where only some of the studies are in the landscape."""
    used = landscape_studies(results)
    if len(used) == len(results.studies):
        return "each study" if len(used) > 1 else "the study"
    return f"each of {listing(used)}" if len(used) > 1 else listing(used)
