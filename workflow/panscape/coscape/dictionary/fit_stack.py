"""Fit of a dictionary, and of its number of entries, to the panclusters of a collection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from panscape.coscape.dictionary.choose import Choice, fit_starts
from panscape.coscape.dictionary.elbow import elbow_table, grown_elbow_table
from panscape.coscape.dictionary.entries import Dictionary, arrange_entries
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import Stack
from panscape.errors import fail
from panscape.log import logger
from panscape.stats.threads import single_threaded


@single_threaded()
def stack_elbow(stack: Stack, settings: DictionarySettings, seed: int, threads: int = 1) -> pd.DataFrame:
    """Return :func:`elbow_table` over the settings' range, ended at the number of panclusters.

    Parameters
    ----------
    stack
        Panclusters x gene pairs.
    settings
        `k_range`, `elbow_factor`, `entries` and `alpha` are used.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.
    """
    low, high = sorted(settings.k_range)
    limit = int(min(high, (np.diff(stack.data.indptr) > 0).sum()))
    if limit < high:
        logger.warning("dictionary.k_range ends at %d, the number of panclusters with edges", limit)
    repeated = np.repeat(np.arange(len(stack.times)), stack.times)
    data = stack.data[repeated]
    ends = PairIndex.of(stack.gene_a, stack.gene_b) if settings.entries == "products" else None
    measured = stack.groups(ends)
    ks = range(min(low, limit), limit + 1)
    options: dict[str, Any] = {
        "alpha": settings.alpha,
        "factor": settings.elbow_factor,
        "seed": seed,
        "threads": threads,
    }
    options["measured"] = None if measured is None else measured.rows(repeated)
    if ends:
        return grown_elbow_table(data, ends, ks, **options)
    return elbow_table(data, ks, **options)


@single_threaded()
def stack_fit(stack: Stack, k: int, settings: DictionarySettings, seed: int, threads: int = 1) -> Choice:
    """Return the best fit of k entries, with codes for distinct panclusters.

    Parameters
    ----------
    stack
        Panclusters x gene pairs.
    k
        Number of entries.
    settings
        Settings of the dictionary.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.

    Raises
    ------
    UserError
        If k is larger than the number of panclusters with an edge.
    """
    usable = int((np.diff(stack.data.indptr) > 0).sum())
    if k > usable:
        raise fail(
            "dictionary.k",
            f"{k} entries for {usable} panclusters with edges",
            f"write at most {usable}",
            few=True,
        )
    repeated = np.repeat(np.arange(len(stack.times)), stack.times)
    ends = PairIndex.of(stack.gene_a, stack.gene_b) if settings.entries == "products" else None
    measured = stack.groups(ends)
    choice = fit_starts(
        stack.data[repeated],
        k,
        alpha=settings.alpha,
        starts=settings.starts,
        max_iter=settings.max_iter,
        tol=settings.tol,
        seed=seed,
        threads=threads,
        ends=ends,
        measured=None if measured is None else measured.rows(repeated),
    )
    if choice.fit.n_entries < k:
        logger.warning(
            "%d of %d entries: the residual has no further distinct network", choice.fit.n_entries, k
        )
    if len(choice.fit.history) == settings.max_iter:
        logger.info("the best fit ended at max_iter, %d", settings.max_iter)
    first = np.searchsorted(repeated, np.arange(len(stack.times)))
    return replace(choice, fit=replace(choice.fit, codes=choice.fit.codes[first]))


@single_threaded()
def learn_stack(
    stack: Stack, k: int, settings: DictionarySettings, seed: int, threads: int = 1
) -> tuple[Choice, Dictionary]:
    """Fit k entries and arrange them.

    Parameters
    ----------
    stack
        Panclusters x gene pairs.
    k
        Number of entries.
    settings
        Settings of the dictionary.
    seed
        Seed of the step.
    threads
        Number of threads; the result does not depend on it.

    Raises
    ------
    UserError
        If no entry is used by enough panclusters.
    """
    choice = stack_fit(stack, k, settings, seed, threads)
    least = settings.least_panclusters(len(stack.times))
    result = arrange_entries(
        choice,
        stack.diagonal,
        stack.pseudotime,
        min_panclusters=least,
        usage_fraction=settings.usage_fraction,
        edge_fraction=settings.edge_fraction,
    )
    table = result.table
    aside = table.loc[~table["kept"], "n_panclusters"]
    logger.info(
        "%d entries explain %.1f %% of the square; %d set aside, used by fewer than %d panclusters",
        table["kept"].sum(),
        100 * (1 - choice.fit.error),
        len(aside),
        least,
    )
    if not table["kept"].any():
        raise fail(
            "dictionary.min_panclusters",
            f"no entry is used by {least} panclusters (at most {aside.max()})",
            "lower it, or panclust.min_cells so that there are more panclusters",
            few=True,
        )
    return choice, result
