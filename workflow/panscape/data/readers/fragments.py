"""Files of fragments, which are refused: peaks have to be counted in cells by another program first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import h5py

from panscape.data.readers.gate import open_hdf5
from panscape.data.readers.study import PROGRAMMING
from panscape.data.readers.text import open_bytes
from panscape.errors import UserError, fail

_LINE = re.compile(rb"[^\t]+\t\d+\t\d+\t[^\t\d][^\t]*(?:\t\d+)?(?:\t.*)?\r?\n?")
_STORED = ("fragment_paired", "fragment_single", "insertion")  # SnapATAC2


def refuse_fragments(path: Path, place: str) -> None:
    """Raise a UserError if a file has fragments: text, an h5ad of SnapATAC2 without peaks, an Arrow file.

    Parameters
    ----------
    path
        The file; a folder or one that is missing passes.
    place
        Key and file for the message.
    """
    if not path.is_file():
        return
    try:
        if h5py.is_hdf5(path):
            if _stored(path):
                raise _error(path, place)
            return
        with open_bytes(path) as handle:
            lines = (line for line in islice(handle, 300) if line.strip() and not line.startswith(b"#"))
            found = _all_fragments(lines)
    except (UserError, *PROGRAMMING):
        raise
    except Exception:  # damaged: told by the reader of the format, with what to do
        return
    if found:
        raise _error(path, place)


def _all_fragments(lines: Iterator[bytes]) -> bool:
    """Return whether lines are fragments, up to the first that is not; the last of several may be cut."""
    number = 0
    for line in lines:
        if not _LINE.fullmatch(line):
            return number > 0 and next(lines, None) is None
        number += 1
    return number > 0


def _stored(path: Path) -> bool:
    """Return whether an HDF5 file has fragments and no features."""
    with open_hdf5(path) as file:
        if "Fragments" in file and "Metadata" in file:
            return True
        return any(name in file.get("obsm", ()) for name in _STORED) and not _features(file)


def _features(file: h5py.File) -> int:
    var = file.get("var")
    if not isinstance(var, h5py.Group):
        return 0
    return int(var[str(var.attrs.get("_index", "_index"))].shape[0])


def _error(path: Path, place: str) -> UserError:
    return fail(
        place,
        f"{path.name} has fragments (chromosome, start, end, barcode), not a matrix of cells x peaks",
        "count the fragments of each cell in peaks and write cells x peaks as h5ad, 10x h5 or mtx: "
        "cellranger-arc's filtered_feature_bc_matrix.h5 has them; else SnapATAC2's pp.make_peak_matrix, "
        "Signac's FeatureMatrix or ArchR's addPeakMatrix; then name that file in atac: {path: ...}",
    )
