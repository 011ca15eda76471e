"""Grouping of a sample's cells by the main method and those for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.coem.metacells.compare import embedding, fallback, group_by, methods_for
from panscape.coem.metacells.embed import Views, linear_views
from panscape.coem.metacells.group import GroupSettings, number_of_metacells
from panscape.coem.metacells.learned import Learned
from panscape.coem.metacells.settings import MetacellSettings
from panscape.coem.metacells.size_sweep import size_sweep
from panscape.coem.paired import Paired
from panscape.errors import fail
from panscape.log import logger

ARCHETYPAL_MAX_CELLS = 20_000  # maximum number of cells for archetypal analysis in the comparison


@dataclass(frozen=True)
class Grouped:
    """Metacells of a sample by all methods.

    Attributes
    ----------
    methods
        Indexed by cell: metacell (0...) by method, the main one first.
    size_sweep
        Scores by number of metacells (:func:`panscape.coem.metacells.size_sweep.size_sweep`); empty without a
        sweep.
    sweep_labels
        Indexed by cell: metacell at each number of the sweep (columns k<number>).
    views
        The linear embeddings.
    z
        Embedding of the main method, cells x dimensions.
    conditioned_on
        Label column the learned embedding was conditioned on, or ''.
    information, batch_key, carried
        See :class:`Learned`; empty without a learned embedding.
    """

    methods: pd.DataFrame
    size_sweep: pd.DataFrame
    sweep_labels: pd.DataFrame
    views: Views
    z: np.ndarray
    conditioned_on: str = ""
    information: Mapping[str, float] = field(default_factory=dict)
    batch_key: str = ""
    carried: Sequence[Mapping[str, Any]] = ()

    @property
    def conditioned(self) -> dict[str, str]:
        """Return for each method the label column its embedding was conditioned on, or ''.

        Scores of such a method against these labels are circular.
        """
        on_main = ("kmeans", "archetypal") if self.main == "coem" else ()
        return {name: self.conditioned_on if name in ("coem", *on_main) else "" for name in self.methods}

    @property
    def main(self) -> str:
        """Return the name of the main method."""
        return str(self.methods.columns[0])


def group_sample(
    sample: Paired,
    settings: Mapping[str, Any],
    *,
    learned: Learned | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Grouped:
    """Group a sample's cells by the main method and by those for comparison.

    Parameters
    ----------
    sample
        The sample.
    settings
        See :class:`MetacellSettings` and :class:`GroupSettings`; the configuration's section ``metacells``.
    learned
        Learned embedding, if available.
    seed, threads
        See :func:`panscape.coem.metacells.group.group_cells`.

    Raises
    ------
    UserError
        If there are too few cells for the number of metacells, or the embedding is not available.
    """
    group, chosen = GroupSettings.of(settings), MetacellSettings.of(settings)
    views = linear_views(sample.rna, sample.atac, components=chosen.n_components)
    main = fallback(chosen.embedding, views)
    if main == "coem" and learned is None:
        raise fail("metacells.embedding", "is coem, but there is no learned embedding", "write pca_lsi")
    if main in ("rna", "atac") and getattr(views, main) is None:
        raise fail("metacells.embedding", f"is {main}, which the sample does not have", "write another")
    coordinates = None if learned is None else learned.z
    z = embedding(main, views, coordinates)
    table, labels = _swept(sample, z, chosen, group, seed, threads)
    if chosen.k == "sweep":
        k = int(table.loc[table["recommended"], "k"].iloc[0])
    else:
        number = None if chosen.k == "cells" else int(chosen.k)
        k = number_of_metacells(len(z), number, float(chosen.cells_per_metacell))
    methods = {}
    for method in methods_for(chosen.compare, main, views, coordinates):
        if method == "archetypal" and len(z) > ARCHETYPAL_MAX_CELLS:
            logger.info("archetypal analysis is skipped: %d cells are too many", len(z))
        elif method == main and chosen.k == "sweep":
            methods[method] = labels[k]
        else:
            stream = seeds.derive(seed, "group", method)
            grouping = group_by(method, k, views, coordinates, z, group, seed=stream, threads=threads)
            methods[method] = grouping.label
    cells, told = sample.obs.index, learned or Learned(z)
    return Grouped(
        pd.DataFrame(methods, index=cells),
        table,
        pd.DataFrame({f"k{number}": label for number, label in labels.items()}, index=cells),
        views,
        z,
        told.conditioned_on,
        told.information,
        told.batch_key,
        told.carried,
    )


def _swept(
    sample: Paired, z: np.ndarray, chosen: MetacellSettings, group: GroupSettings, seed: int, threads: int
) -> tuple[pd.DataFrame, dict[int, np.ndarray]]:
    """Return the scores of the size sweep and number -> labels; both empty without a sweep."""
    if not chosen.size_sweep:
        return pd.DataFrame(), {}
    modalities = {"rna": sample.rna, "atac": sample.atac}
    return size_sweep(
        z,
        chosen.size_sweep,
        group,
        counts={name: matrix for name, matrix in modalities.items() if matrix is not None},
        repeats=chosen.repeats,
        seed=seeds.derive(seed, "ladder"),  # name of earlier versions, kept for identical groupings
        threads=threads,
    )
