"""Expected numbers of clusters and genes, from the sizes in the headers of the input."""

from __future__ import annotations

import math
from typing import Any

from panscape.coscape.panclust.cluster_size import smallest_cluster
from panscape.data.size import Size


def min_cells(size: Size, config: dict[str, Any]) -> int:
    """Return how many cells a cluster of a study has at least, by the collection's or the study's setting."""
    asked = config["panclust"]["min_cells"]
    for study in config.get("studies", ()):
        if study.get("id") == size.study:
            asked = study.get("panclust", {}).get("min_cells", asked)
    return smallest_cluster(asked, size.cells)


def panclusters(size: Size, config: dict[str, Any]) -> float:
    """Return about how many panclusters are found, at most.

    Up to two per minimum cluster size; in studies that could have hundreds the resolutions set the limit
    (measured: 24 of 15, 139 of 105, 159 of 197, 199 of 354, 276 of 1108).
    """
    count = 0.0
    for part in size.parts or (size,):
        room = part.cells / min_cells(part, config)
        count += 3 * min(room, math.sqrt(150 * room))
    return count


def selected_genes(size: Size, config: dict[str, Any]) -> int:
    """Return about how many genes are analysed."""
    return min(config["preprocess"]["top_per_study"] or config["preprocess"]["n_genes"], size.genes)
