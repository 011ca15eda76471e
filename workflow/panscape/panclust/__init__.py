"""Nested clusters of a study's cells at several resolutions."""

from panscape.panclust._communities import modularity, partition_levels, partitions
from panscape.panclust._hierarchy import Candidates
from panscape.panclust._neighbors import NeighborGraph, neighbor_graph, neighbors
from panscape.panclust._pancluster import pancluster
from panscape.panclust._pca import principal_components
from panscape.panclust._settings import PanclustSettings
from panscape.panclust._sketch import sketch
from panscape.panclust._ward import ward_levels

__all__ = [
    "Candidates",
    "NeighborGraph",
    "PanclustSettings",
    "modularity",
    "neighbor_graph",
    "neighbors",
    "pancluster",
    "partition_levels",
    "partitions",
    "principal_components",
    "sketch",
    "ward_levels",
]
