"""Kinds of features: genes, or peaks of accessibility."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.data.readers.genome import require_one_genome
from panscape.data.readers.study import Refused, at, listing
from panscape.errors import fail, nearest

if TYPE_CHECKING:
    from panscape.data.readers.source import Source

GENES, PEAKS = "Gene Expression", "Peaks"  # feature types in Cell Ranger's files
OTHER_GENOME = "features of another genome"
KNOWN = (  # feature types of Cell Ranger
    GENES, PEAKS, "Antibody Capture", "CRISPR Guide Capture", "Antigen Capture", "Multiplexing Capture",
    "Custom", "VDJ", "VDJ-T", "VDJ-B", OTHER_GENOME,
)  # fmt: skip
PEAK_TYPES = frozenset(("peaks", "peak", "chromatin accessibility", "atac"))
PEAK = r"(?:chr\w+|\d{1,2}|[XYZWM]|MT|[IVX]+|[234][LR])[:_-]\d+[_-]\d+"  # an interval of a chromosome
KNOWN_LOWER = PEAK_TYPES | {name.lower() for name in KNOWN}
MODALITIES = {  # usual names of modalities in lower case
    "rna": ("rna", "gex", "gene expression", "scrna", "snrna", "mrna", "genes"),
    "atac": ("atac", "peaks", "chromatin accessibility", "accessibility", "scatac", "snatac"),
}
MANY = 0.05  # fraction of intervals among features from which they are taken for peaks


def looks_like_peaks(names: Iterable[object]) -> np.ndarray:
    """Return which names are genomic intervals, as peaks have them, bool.

    Examples
    --------
    >>> looks_like_peaks(["chr1:9805-10450", "X-100-200", "RP11-34-5", "GATA2"])
    array([ True,  True, False, False])
    """
    return pd.Series([str(name) for name in names], dtype=object).str.fullmatch(PEAK).to_numpy(dtype=bool)


def of_type(table: pd.DataFrame, wanted: str) -> np.ndarray | None:
    """Return which features are of a type, bool; None where the table has no column feature_types.

    Parameters
    ----------
    table
        The file's features.
    wanted
        Feature type; for ``"Peaks"``, its other usual names count as well.
    """
    if "feature_types" not in table:
        return None
    kinds = table["feature_types"].astype(str)
    if wanted == PEAKS:
        return kinds.str.lower().isin(PEAK_TYPES).to_numpy()
    return (kinds.str.lower() == wanted.lower()).to_numpy()


def require_known_types(table: pd.DataFrame) -> None:
    """Raise a Refused if a feature type is almost one of Cell Ranger's: its features would be left out.

    Parameters
    ----------
    table
        The file's features, with or without the column feature_types.

    Examples
    --------
    >>> require_known_types(pd.DataFrame({"feature_types": ["Gene Expressoin"]}))
    Traceback (most recent call last):
    panscape.data.readers.study.Refused: feature type 'Gene Expressoin' of 1 feature is unknown
    """
    if "feature_types" not in table:
        return
    for kind, number in table["feature_types"].astype(str).value_counts().items():
        if str(kind).lower() not in KNOWN_LOWER and (meant := nearest(str(kind), KNOWN)):
            features = f"{number} feature{'s' * (number > 1)}"
            raise Refused(f"feature type {kind!r} of {features} is unknown", f"did you mean {meant!r}?")


def require_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Return the features of Cell Ranger unchanged; a Refused if an id has two names.

    Parameters
    ----------
    table
        The file's features, indexed by name, with the column id.

    Examples
    --------
    >>> require_ids(pd.DataFrame({"id": ["ENSG1", "ENSG1"]}, index=["A", "B"]))
    Traceback (most recent call last):
    panscape.data.readers.study.Refused: feature id ENSG1 has several names: A, B
    """
    repeated = table[table["id"].duplicated(keep=False)]
    for name, group in repeated.groupby("id", sort=False):
        if group.index.nunique() > 1:
            raise Refused(
                f"feature id {name} has several names: {listing(group.index.unique(), 3)}",
                "correct the table of features",
            )
    return table


def modality_named(names: Iterable[str], wanted: str) -> str | None:
    """Return the modality with genes (``"rna"``) or peaks (``"atac"``) by its usual names, None for none.

    Parameters
    ----------
    names
        Modalities of a file.
    wanted
        ``"rna"``, ``"atac"``, or the name of a modality itself.

    Examples
    --------
    >>> modality_named(["prot", "GEX"], "rna")
    'GEX'
    """
    names = list(names)
    if wanted in names:
        return wanted
    return next((name for name in names if name.lower() in MODALITIES.get(wanted, (wanted,))), None)


def check_genes(source: Source, study: dict, where: str) -> None:
    """Raise a UserError if the genes of a study are peaks, all or some of them, or some have no type.

    Parameters
    ----------
    source
        The open study.
    study
        One item of the configuration's `studies`; with `features` = ``"Peaks"`` peaks are expected.
    where
        Configuration key of the study for error messages.
    """
    if study.get("features") == PEAKS:
        return
    _check_types(source, study, where)
    require_one_genome(source.genes)
    names = source.genes.index
    typed = of_type(source.genes, PEAKS)
    told = typed is not None and (typed.any() or (source.genes["feature_types"] == GENES).any())
    peaks = typed if told and typed is not None else looks_like_peaks(names)
    share = float(peaks.mean()) if len(peaks) else 0.0
    if share <= MANY:
        return
    examples = listing(names[peaks], 2)
    if share > 1 - MANY:
        raise fail(
            at(study, where),
            f"its {len(names)} features are peaks ({examples} ...), not genes",
            "for a sample of accessibility alone write use: [metacells] and atac: {only: true}; if there are "
            "genes, give their file as path and this one as atac: {path: ...}",
        )
    raise fail(
        at(study, where),
        f"{int(peaks.sum())} of {len(names)} features are peaks ({examples} ...), and the file does not say "
        "which are genes",
        f"add a column feature_types ({GENES!r} or {PEAKS!r}) to var, or write two files, the second as "
        "atac: {path: ...}",
    )


def _check_types(source: Source, study: dict, where: str) -> None:
    """Raise a UserError if only some features have a type: the others would be left out."""
    if "feature_types" not in source.features:
        return
    kinds = source.features["feature_types"]
    missing = (kinds.isna() | (kinds.astype(str).str.strip() == "")).to_numpy(dtype=bool)
    if missing.any() and not missing.all():
        examples = listing(source.features.index[missing], 2)
        raise fail(
            at(study, where),
            f"{int(missing.sum())} of {len(kinds)} features have no feature_types ({examples})",
            f"write {GENES!r} or {PEAKS!r} for each",
        )
