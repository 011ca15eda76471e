"""Checks of cells, genes and sizes before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from panscape.errors import fail
from panscape.log import logger
from panscape.unicoord.settings import UniCoordSettings

MIN_CELLS = 10  # minimum number of training cells
SPLITS = ("train", "validation", "test")


def check_split(split: np.ndarray, n_cells: int) -> None:
    """Check that a split has one of ``train``, ``validation`` and ``test`` for every cell.

    Raises
    ------
    UserError
        If it has another length or other words.
    """
    if len(split) != n_cells:
        raise fail("split", f"{len(split)} entries for {n_cells} cells", "give one per cell")
    odd = sorted({str(name) for name in np.unique(np.asarray(split, dtype=str))} - set(SPLITS))
    if odd:
        raise fail("split", f"{odd[0]!r} is not one of {', '.join(SPLITS)}", "correct it")


def check_genes(genes: Sequence[str], there: pd.Index) -> None:
    """Check that the genes of a model are distinct, at least two, and in the data.

    Raises
    ------
    UserError
        Otherwise.
    """
    names = pd.Index(genes)
    if not names.is_unique:
        raise fail("genes", f"{names[names.duplicated()][0]!r} is given twice", "keep one")
    absent = names[~names.isin(there)]
    if len(absent):
        advice = "give genes that all cells have measured"
        raise fail("genes", f"{len(absent)} are not in the data, e.g. {absent[0]!r}", advice)
    if len(names) < 2:
        raise fail("genes", f"there is {len(names)} gene, and a model needs two", "check the genes", few=True)


def fitting_size(settings: UniCoordSettings, n_cells: int, n_genes: int) -> UniCoordSettings:
    """Return the settings with no more unsupervised coordinates than the data can have.

    A linear model of n cells and G genes has at most min(n, G) - 1 components. Only the projecting encoder is
    limited: it starts at the linear optimum.

    Parameters
    ----------
    settings
        The settings as configured.
    n_cells, n_genes
        Numbers of training cells and of the model's genes.

    Examples
    --------
    >>> fitting_size(UniCoordSettings(n_latent=30), n_cells=400, n_genes=12).n_latent
    11
    """
    # the regression on labels uses up some of the cells' dimensions
    most = max(min(n_cells // 2, n_genes - 1) - settings.diffusion, 1)
    if settings.encoder != "projection" or settings.n_latent <= most:
        return settings
    logger.warning(
        "n_latent is %s instead of %s, since there are %s training cells and %s genes",
        most, settings.n_latent, n_cells, n_genes,
    )  # fmt: skip
    return replace(settings, n_latent=most)
