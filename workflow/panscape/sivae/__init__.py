"""siVAE: a gene network for every cell line or donor, from interpretable variational autoencoders.

What is imported here needs no PyTorch; training and reading models load it when they are called.
"""

from panscape.sivae._attribution import METHODS, Decoder, agreement, attributions, leading_genes
from panscape.sivae._baselines import Pca, Start, pca, pearson, probabilistic_pca
from panscape.sivae._bins import Bin, gene_features
from panscape.sivae._collect import collect_tables
from panscape.sivae._collection import job_cells, plan_collection
from panscape.sivae._figures import draw_lines, principal_reading
from panscape.sivae._genes import variable_genes
from panscape.sivae._job import Read, ReadoutSettings, load, read_bins, train, train_job
from panscape.sivae._labels import label_transfer
from panscape.sivae._lines import HALVES, LinePlan, LineSettings, plan_lines, slug
from panscape.sivae._network import (
    correlation_network,
    densest,
    dependence,
    neighbours,
    network,
    similarity,
)
from panscape.sivae._settings import SivaeSettings
from panscape.sivae._values import Expression, ValueSettings, prepare_bin

__all__ = [
    "HALVES",
    "METHODS",
    "Bin",
    "Decoder",
    "Expression",
    "LinePlan",
    "LineSettings",
    "Pca",
    "Read",
    "ReadoutSettings",
    "SivaeSettings",
    "Start",
    "ValueSettings",
    "agreement",
    "attributions",
    "collect_tables",
    "correlation_network",
    "densest",
    "dependence",
    "draw_lines",
    "gene_features",
    "job_cells",
    "label_transfer",
    "leading_genes",
    "load",
    "neighbours",
    "network",
    "pca",
    "pearson",
    "plan_collection",
    "plan_lines",
    "prepare_bin",
    "principal_reading",
    "probabilistic_pca",
    "read_bins",
    "similarity",
    "slug",
    "train",
    "train_job",
    "variable_genes",
]
