"""Batches of a sample: the column to correct for."""

from __future__ import annotations

import pandas as pd

from panscape.log import logger

AUTO = "auto"
COLUMNS = ("batch", "library", "platform", "sample")  # by preference; `sample` is of pooled samples
MIN_CELLS = 20  # minimum mean number of cells of a batch; fewer are cells or wells


def batch_column(obs: pd.DataFrame, key: str | None) -> str | None:
    """Return the column of batches to correct for.

    Parameters
    ----------
    obs
        Annotations of the cells.
    key
        The setting ``coem.batch_key``: a column, None for no correction, or ``"auto"`` for the first of
        ``batch``, ``library``, ``platform`` and (of pooled samples) ``sample`` that has two or more values,
        none missing, and 20 cells or more per value on average.

    Returns
    -------
    Name of the column, or None.

    Examples
    --------
    >>> obs = pd.DataFrame({"batch": ["one"] * 60, "platform": ["10x"] * 30 + ["plates"] * 30})
    >>> batch_column(obs, "auto"), batch_column(obs, None)
    ('platform', None)
    """
    if key != AUTO:
        return key
    for name in COLUMNS:
        if name in obs and usable(obs[name]):
            return name
    return None


def usable(values: pd.Series) -> bool:
    """Return whether a column can be a column of batches: known, several values, each of several cells."""
    number = values.nunique()
    return bool(values.notna().all() and 1 < number <= len(values) / MIN_CELLS)


def log_batches(obs: pd.DataFrame, key: str | None, chosen: str | None) -> None:
    """Log which column is corrected for, and warn where the user declined one that is there."""
    if chosen is not None:
        why = "; write coem.batch_key: null to keep them apart" if key == AUTO else ""
        logger.info("batches (%s, %d of them) are corrected for%s", chosen, obs[chosen].nunique(), why)
    elif key is None and (there := batch_column(obs, AUTO)) is not None:
        logger.warning(
            "batches are not corrected for (coem.batch_key: null), though the cells have %s with %d values; "
            "see one_batch in metrics.tsv for the fraction of metacells of one batch",
            there,
            obs[there].nunique(),
        )
