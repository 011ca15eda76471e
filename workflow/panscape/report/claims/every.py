"""All claims of a report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from panscape.report.claims.cells import coordinate_claims, feature_claims, metacell_claims
from panscape.report.claims.claim import Claim
from panscape.report.claims.known import overlap_claims
from panscape.report.claims.landscape import gene_claims, landscape_claims
from panscape.report.claims.lines import model_claims, network_claims
from panscape.report.results import Results

CLAIMS: tuple[Callable[[Results], Sequence[Claim]], ...] = (
    landscape_claims,
    gene_claims,
    overlap_claims,
    model_claims,
    network_claims,
    metacell_claims,
    feature_claims,
    coordinate_claims,
)
"""Functions that return the claims of a stage; a new stage adds its own."""


def claims(results: Results) -> list[Claim]:
    """Return the claims of all stages that ran."""
    return [claim for of_stage in CLAIMS for claim in of_stage(results)]
