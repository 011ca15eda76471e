"""Expected numbers of clusters and genes, from the sizes in the headers of the input."""

from __future__ import annotations

import math
from typing import Any

from panscape.coscape.panclust.cluster_size import smallest_cluster
from panscape.data.size import Size

BASE_MB = 600  # interpreter and libraries
PATIENCE = 5  # ratio of requested to expected time, where the expected time is computed


def min_cells(size: Size, config: dict[str, Any]) -> int:
    """Return the minimum number of cells of a cluster, by the setting of the study or the collection."""
    asked = config["panclust"]["min_cells"]
    for study in config.get("studies", ()):
        if study.get("id") == size.study:
            asked = study.get("panclust", {}).get("min_cells", asked)
    return smallest_cluster(asked, size.cells)


def panclusters(size: Size, config: dict[str, Any]) -> float:
    """Return an upper estimate of the number of panclusters of a study.

    Up to two per minimum cluster size; in large studies the resolutions limit the number
    (measured: 24 of 15, 139 of 105, 159 of 197, 199 of 354, 276 of 1108).
    """
    count = 0.0
    for part in size.parts or (size,):
        room = part.cells / min_cells(part, config)
        count += 3 * min(room, math.sqrt(150 * room))
    return count


def selected_genes(size: Size, config: dict[str, Any]) -> int:
    """Return an estimate of the number of selected genes."""
    return min(config["preprocess"]["top_per_study"] or config["preprocess"]["n_genes"], size.genes)
