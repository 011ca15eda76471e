"""From a study's counts to the cells and genes that the analysis uses."""

from panscape.preprocess._forecast import expected_losses
from panscape.preprocess._genes import ALL, SCORES, genes_of, select_genes, studies_needed
from panscape.preprocess._histograms import draw_failure, histograms
from panscape.preprocess._limits import lower_limit
from panscape.preprocess._normalise import HOW, normalise
from panscape.preprocess._outcome import NothingLeft, Qc
from panscape.preprocess._patterns import exclusions, gene_group, pattern
from panscape.preprocess._qc import qc
from panscape.preprocess._settings import QcSettings
from panscape.preprocess._study import filter_study

__all__ = [
    "ALL",
    "HOW",
    "SCORES",
    "NothingLeft",
    "Qc",
    "QcSettings",
    "draw_failure",
    "exclusions",
    "expected_losses",
    "filter_study",
    "gene_group",
    "genes_of",
    "histograms",
    "lower_limit",
    "normalise",
    "pattern",
    "qc",
    "select_genes",
    "studies_needed",
]
