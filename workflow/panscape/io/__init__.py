"""Input: every supported file format behind one face, read in bounded memory.

``open_source`` gives counts in blocks of cells, ``read_metadata`` what is known about the cells under
panscape's names, ``gene_map`` how features become genes, ``keep_mask`` which cells to keep, and
``check_study`` everything that can be known to be wrong before work starts.
"""

from panscape.io._check import check_study
from panscape.io._genes import GeneMap, gene_map, looks_like_ensembl, spelling
from panscape.io._grammar import parse_keep
from panscape.io._integers import check_counts, check_logged
from panscape.io._keep import keep_mask, kept_cells
from panscape.io._metadata import UNITS, cell_table, collection_age_unit, convert_age, read_metadata
from panscape.io._open import Probe, open_source, probe
from panscape.io._retrieve import retrieve, verify_sha256
from panscape.io._source import Source
from panscape.io._study import FORMATS, at, study_format

__all__ = [
    "FORMATS",
    "UNITS",
    "GeneMap",
    "Probe",
    "Source",
    "at",
    "cell_table",
    "check_counts",
    "check_logged",
    "check_study",
    "collection_age_unit",
    "convert_age",
    "gene_map",
    "keep_mask",
    "kept_cells",
    "looks_like_ensembl",
    "open_source",
    "parse_keep",
    "probe",
    "read_metadata",
    "retrieve",
    "spelling",
    "study_format",
    "verify_sha256",
]
