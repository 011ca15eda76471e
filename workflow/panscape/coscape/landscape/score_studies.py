"""Scores of studies in memory for the corrected distance: from the signal of pairs to their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.signal import Signal, choose_pairs
from panscape.coscape.landscape.read import pair_positions
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.landscape.settings import CORRECTED, LandscapeSettings
from panscape.errors import fail

if TYPE_CHECKING:
    from panscape.coscape.landscape.combine import Study
    from panscape.data.counts import Counts


@dataclass(frozen=True)
class PairSource:
    """What a study in memory needs for the scores of its pairs.

    Parameters
    ----------
    counts
        Its raw counts; not copied.
    genes
        Genes that it measures.
    estimator, normalisation, min_expected
        See :class:`panscape.coscape.coexpression.settings.CoexpressionSettings`.
    signal
        Signal of every pair, as :meth:`panscape.coscape.coexpression.signal.Signal.stored` returns it; None
        if it was not computed.
    """

    counts: Counts
    genes: tuple[str, ...]
    estimator: str
    normalisation: str
    min_expected: float
    signal: sparse.csr_matrix | None = None

    def scores(
        self, members: sparse.csr_matrix, chosen: pd.DataFrame, genes: np.ndarray, threads: int = 1
    ) -> Scores:
        """Return the scores of clusters for chosen pairs.

        Parameters
        ----------
        members
            CSR (n_clusters, n_cells).
        chosen
            Columns `gene_a`, `gene_b`, `weight`.
        genes
            Genes of the collection, which define the positions of the pairs.
        threads
            Number of threads; the result does not depend on it.
        """
        matrix = score_study(
            self.counts,
            self.genes,
            members,
            chosen,
            estimator=self.estimator,
            normalisation=self.normalisation,
            min_expected=self.min_expected,
            threads=threads,
        )
        return Scores.of(matrix, pair_positions(chosen, genes), chosen["weight"].to_numpy(float), members)


def score_studies(studies: Sequence[Study], settings: LandscapeSettings, *, threads: int = 1) -> list[Study]:
    """Return the studies with the scores that the distance of the settings needs.

    The pairs with the most signal over all studies are chosen and scored in every study, as the rules
    ``choose_pairs`` and ``score_pairs`` do. Studies that all have scores are returned as they are.

    Parameters
    ----------
    studies
        From :func:`panscape.coscape.estimate_coexpression`.
    settings
        The landscape's; `distance`, `top_pairs` and `min_expected` are used.
    threads
        Number of threads; the result does not depend on it.

    Raises
    ------
    UserError
        If a study has no signal or another `min_expected`, or no pair has any signal.
    """
    if settings.distance != CORRECTED or all(study.scores is not None for study in studies):
        return list(studies)
    sources = [_source(study, settings) for study in studies]
    genes = studies[0].genes
    signals = [Signal.of_stored(source.signal, source.genes) for source in sources]
    chosen = choose_pairs(signals, list(genes), settings.top_pairs)
    return [
        replace(study, scores=source.scores(study.members, chosen, genes, threads))
        for study, source in zip(studies, sources, strict=True)
    ]


def _source(study: Study, settings: LandscapeSettings) -> PairSource:
    source = study.source
    if source is None or source.signal is None or study.members is None:
        raise fail(
            f"study {study.name!r}",
            f"has no signal of its gene pairs, which landscape.distance: {CORRECTED} needs",
            "estimate it by coscape.estimate_coexpression with signal=True, or write distance='thresholded'",
        )
    if source.min_expected != settings.min_expected:
        raise fail(
            "landscape.min_expected",
            f"is {settings.min_expected:g}, but the coexpression of study {study.name!r} was estimated with "
            f"{source.min_expected:g}",
            f"write min_expected={settings.min_expected:g} in estimate_coexpression, too",
        )
    return source
