"""Prediction of pseudotime, age and map position of new panclusters from a reference."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.coscape.project.intervals import (
    Scale,
    half_widths,
    interval_bounds,
    leave_studies_out,
    min_errors,
)
from panscape.coscape.project.kriging import krige, similarity_kernel
from panscape.coscape.project.similarity import Similarity
from panscape.log import logger

MAP_NEIGHBORS = 5
"""Panclusters of the reference whose mean place on the map a new one gets."""


def nearest_panclusters(similarity: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most similar reference panclusters.

    Parameters
    ----------
    similarity
        (M, N), see :class:`panscape.coscape.project.similarity.Similarity`.
    k
        Maximum number of panclusters.

    Returns
    -------
    index, similarity : (M, k), most similar first.
    """
    index = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return index, np.take_along_axis(similarity, index, axis=1)


def place_panclusters(
    similar: Similarity,
    study: np.ndarray,
    values: pd.DataFrame,
    codes: tuple[np.ndarray, np.ndarray],
    *,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Predict values for new panclusters, with intervals from left-out studies.

    Parameters
    ----------
    similar
        Similarity by coexpression.
    study
        (N,) study of the reference panclusters.
    values
        N rows; numeric columns to predict, such as pseudotime and age, NaN where unknown.
    codes
        Codes of the new and the reference's panclusters, from
        :func:`panscape.coscape.project.align.project_codes`.
    coverage
        Nominal coverage of the intervals among new panclusters whose true value lies within the reference's
        range.

    Returns
    -------
    One row per new pancluster: similarity (that with the nearest pancluster of the reference), and per
    column its value, the interval ``<column>_low`` to ``<column>_high`` (NaN if fewer than two studies, or
    too few panclusters, can be left out) and ``<column>_edge``: low, high or both if the interval is open at
    the end of the reference's range, see :func:`panscape.coscape.project.intervals.interval_bounds`. Values
    are NaN if no pancluster of the reference is similar. Positive values that span more than a factor of 4
    are predicted on a log scale; predictions of non-negative values are not negative.
    """
    new_codes, old_codes = codes
    similarity = similarity_kernel(similar.known, old_codes, old_codes)
    new = similarity_kernel(similar.new, new_codes, old_codes)
    nearest = nearest_panclusters(similar.near, 1)[1][:, 0]
    table = pd.DataFrame({"similarity": nearest})
    for column in values.columns:
        given = values[column].to_numpy(dtype=float)
        known = np.flatnonzero(np.isfinite(given))
        if known.size == 0:
            for suffix in ("", "_low", "_high"):
                table[column + suffix] = np.nan
            table[f"{column}_edge"] = ""
            continue
        part = similarity[np.ix_(known, known)]
        predicted = _predict(column, part, given[known], np.asarray(study)[known], new[:, known], coverage)
        predicted.loc[nearest <= 0, [column, f"{column}_low", f"{column}_high"]] = np.nan
        table = pd.concat([table, predicted], axis=1)
    return table


def _predict(column, similarity, values, study, new, coverage) -> pd.DataFrame:
    """Return the predicted columns of one value."""
    scale = Scale.of(values)
    given = scale.forward(values)
    mean, sd = krige(similarity, given, new)
    left = leave_studies_out(similarity, given, study)
    half, reach = half_widths(left, sd, coverage)
    if np.isnan(half).all():
        logger.warning(
            "%s: no intervals; they need %d panclusters of left-out studies, the reference has %d studies "
            "with %d panclusters that have a value",
            column, min_errors(coverage), len(set(study)), len(values),
        )  # fmt: skip
    elif left.covered.sum() < min_errors(coverage):
        logger.warning(
            "%s: the reference's studies hardly overlap, so intervals are wide: they include errors beyond "
            "the values that the other studies cover",
            column,
        )
    return pd.DataFrame(
        {
            column: scale.back(mean),
            f"{column}_low": scale.back(mean - half),
            f"{column}_high": scale.back(mean + half),
            f"{column}_edge": interval_bounds(mean, reach, given),
        }
    )


def map_position(similar: Similarity, layout: np.ndarray) -> np.ndarray:
    """Return the positions of new panclusters on the reference's map, (M, 2); NaN if none is similar.

    Parameters
    ----------
    similar
        Similarity by coexpression.
    layout
        (N, 2) positions of the reference's panclusters. A new pancluster is placed at the mean of the
        :data:`MAP_NEIGHBORS` most similar, weighted by similarity.
    """
    index, value = nearest_panclusters(similar.near, MAP_NEIGHBORS)
    weight = np.maximum(value, 0)
    total = weight.sum(axis=1, keepdims=True)
    mean = (weight[:, :, None] * layout[index]).sum(axis=1)
    return np.divide(mean, total, out=np.full(mean.shape, np.nan), where=total > 0)
