"""Scores of a study's clusters by the other estimator, for the sensitivity of a landscape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from panscape.coscape.coexpression.score_study import score_study
from panscape.coscape.coexpression.settings import CORRECTED
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.scores import Scores
from panscape.data.counts import Counts


def other_estimator(estimator: str) -> str:
    """Return the estimator to compare with: Pearson's, or the one corrected for the noise of counting.

    Examples
    --------
    >>> other_estimator("spearman")  # whose scores are Pearson's correlations
    'corrected'
    """
    return "pearson" if estimator == CORRECTED else CORRECTED


def rescore(
    study: Study,
    counts: Counts | str | Path,
    genes: Sequence[str],
    chosen: pd.DataFrame,
    *,
    estimator: str,
    normalisation: str,
    min_expected: float,
    threads: int = 1,
) -> Scores:
    """Return the scores of a study's clusters by another estimator, of the same pairs and weights.

    Parameters
    ----------
    study
        The study with its scores and members.
    counts, genes, chosen, estimator, normalisation, min_expected, threads
        As for :func:`panscape.coscape.coexpression.score_study.score_study`.

    Raises
    ------
    ValueError
        If the study has no scores or members.
    """
    if study.scores is None or study.members is None:
        raise ValueError(f"study {study.name} has no scores or no members")
    matrix = score_study(
        counts,
        genes,
        study.members,
        chosen,
        estimator=estimator,
        normalisation=normalisation,
        min_expected=min_expected,
        threads=threads,
    )
    return replace(study.scores, matrix=matrix)
