"""The steps of the stage, each from files' contents to tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.coem.metacells.compare import embedding, fallback, group_by, methods_for
from panscape.coem.metacells.embed import Views, linear_views
from panscape.coem.metacells.group import number_of_metacells
from panscape.coem.metacells.settings import GroupSettings
from panscape.coem.metacells.size_sweep import ladder
from panscape.coem.paired import Paired
from panscape.errors import fail
from panscape.log import logger

RANDOM_ABOVE = 20_000  # cells above which archetypal analysis is left out of the comparison


@dataclass(frozen=True)
class Learned:
    """A learned embedding.

    Attributes
    ----------
    z
        Coordinates, cells x dimensions.
    told
        Column of labels that the model was told; empty if it was told none.
    information
        Modality -> nats of a cell's unseen counts that the embedding predicts in cells not trained on; 0 or
        less if nothing that could be learned of the modality holds.
    """

    z: np.ndarray
    told: str = ""
    information: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Grouped:
    """Metacells of a sample by all methods.

    Attributes
    ----------
    methods
        Indexed by cell: metacell (0...) by each method, the main one first.
    ladder
        From :func:`panscape.coem.metacells.size_sweep.ladder`; empty if the sweep is off.
    rungs
        Indexed by cell: metacell at each number of the ladder (columns k<number>).
    views
        The linear embeddings.
    z
        The embedding that the main method used, cells x dimensions.
    told
        Column of labels that the learned embedding was told; empty if none.
    information
        See :class:`Learned`; empty without a learned embedding.
    """

    methods: pd.DataFrame
    ladder: pd.DataFrame
    rungs: pd.DataFrame
    views: Views
    z: np.ndarray
    told: str = ""
    information: Mapping[str, float] = field(default_factory=dict)

    @property
    def conditioned(self) -> dict[str, str]:
        """Return for each method the column of labels that what it groups by was told, or nothing.

        What is said of these labels by such a method's metacells is no evidence.
        """
        on_main = ("kmeans", "archetypal") if self.main == "coem" else ()
        return {name: self.told if name in ("coem", *on_main) else "" for name in self.methods}

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
    """Group a sample's cells by the wanted method and by those it is compared with.

    Parameters
    ----------
    sample
        The sample.
    settings
        The configuration's section ``metacells``.
    learned
        The learned embedding, if there is one.
    seed, threads
        See :func:`panscape.coem.metacells.group.group_cells`.

    Raises
    ------
    UserError
        If there are too few cells for the wanted number of metacells, or the embedding cannot be had.
    """
    group = GroupSettings.of(settings)
    views = linear_views(sample.rna, sample.atac, components=int(settings.get("components", 30)))
    wanted = fallback(settings.get("embedding", "pca_lsi"), views)
    if wanted == "coem" and learned is None:
        raise fail("metacells.embedding", "is coem, but there is no learned embedding", "write pca_lsi")
    if wanted in ("rna", "atac") and getattr(views, wanted) is None:
        raise fail("metacells.embedding", f"is {wanted}, which the sample does not have", "write another")
    coordinates = None if learned is None else learned.z
    z = embedding(wanted, views, coordinates)
    number = settings.get("k", "cells")
    sizes = float(settings.get("cells_per_metacell", 75))
    rungs, table = pd.DataFrame(index=sample.obs.index), pd.DataFrame()
    if settings.get("ladder") and (settings.get("sweep", True) or number == "sweep"):
        counts = {
            name: matrix
            for name, matrix in (("rna", sample.rna), ("atac", sample.atac))
            if matrix is not None
        }
        table, labels = ladder(
            z,
            settings["ladder"],
            group,
            counts=counts,
            repeats=int(settings.get("repeats", 2)),
            seed=seeds.derive(seed, "ladder"),
            threads=threads,
        )
        rungs = pd.DataFrame({f"k{k}": label for k, label in labels.items()}, index=sample.obs.index)
    if number == "sweep":
        k = int(table.loc[table["recommended"], "k"].iloc[0])
    else:
        k = number_of_metacells(len(z), None if number == "cells" else int(number), sizes)
    methods = {}
    for method in methods_for(settings.get("compare", ()), wanted, views, coordinates):
        if method == "archetypal" and len(z) > RANDOM_ABOVE:
            logger.info("archetypal analysis is left out: %d cells are too many", len(z))
            continue
        if method == wanted and number == "sweep":
            methods[method] = rungs[f"k{k}"].to_numpy()
            continue
        own = seeds.derive(seed, "group", method)
        methods[method] = group_by(method, k, views, coordinates, z, group, seed=own, threads=threads).label
    told, information = ("", {}) if learned is None else (learned.told, learned.information)
    return Grouped(pd.DataFrame(methods, index=sample.obs.index), table, rungs, views, z, told, information)
