"""Where the parts of a Matrix Market matrix are: the files of each program, or those that were named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from panscape.data.readers.study import Refused, listing
from panscape.log import logger

_CELLS = r"(barcodes?|cells?|cell_metadata|bc_wells|quants_mat_rows)"
_GENES = r"(features?|genes?|all_genes|peaks|quants_mat_cols)"
_TABLE = r"\.(tsv|txt|csv|bed)(\.gz)?"
_WORDS = "matrix|counts?|count_matrix|DGE|cells_x_genes|quants_mat|spliced|unspliced|ambiguous"
_MATRIX = re.compile(rf"(.*?)({_WORDS})?\.mtx(\.gz)?")
# matrices of one folder that are the same cells counted in other ways: the user has to choose
_CHOICES = re.compile(
    r"(spliced|unspliced|ambiguous|spanning|UniqueAndMult-\w+|"
    r"\w+\.(cell|mature|nascent|ambiguous|nucleus|total))\.mtx(\.gz)?"  # STARsolo; kallisto
)
MOST = 100  # matrices that are looked for in the folders inside


@dataclass(frozen=True)
class Layout:
    """The files of a matrix.

    Attributes
    ----------
    matrix, barcodes, features
        Matrix, names of cells, and names or ids of features.
    names
        Names of the features, line by line, if `features` has ids only (kallisto); else None.
    """

    matrix: Path
    barcodes: Path
    features: Path
    names: Path | None = None


def find_layout(path: Path, named: Mapping[str, Any] | None = None) -> Layout:
    """Return the files of a matrix of Cell Ranger, STARsolo, kallisto, alevin-fry, Parse, or as in GEO.

    The names of cells and of features are sought beside the matrix, by the words that programs use
    (barcodes, cells; features, genes); of several files, the one whose name begins most like the matrix'.

    Parameters
    ----------
    path
        Folder with one matrix, or the matrix.
    named
        Paths that the user wrote under `mtx`: `barcodes`, `feature_names`; others are sought.

    Raises
    ------
    Refused
        If there is no matrix, or several; or not one file that can hold the names.
    """
    named = {key: Path(value) for key, value in (named or {}).items() if value}
    folder = path if path.is_dir() else path.parent
    matrix = path if path.is_file() else _matrix(folder)
    barcodes = named.get("barcodes") or _beside(matrix, _CELLS, "cells", "barcodes")
    features = named.get("feature_names") or _beside(matrix, _GENES, "features", "feature_names")
    for key, file in (("barcodes", barcodes), ("feature_names", features)):
        if not file.is_file():
            problem = f"{file} is a device, pipe or socket" if file.exists() else f"there is no file {file}"
            raise Refused(problem, "give the path of a file", key=f"mtx.{key}" if key in named else "path")
    names = features.with_name(features.name.replace("genes.txt", "genes.names.txt"))
    return Layout(matrix, barcodes, features, names if names != features and names.is_file() else None)


def cells_first(layout: Layout) -> bool | None:
    """Return whether the rows of a matrix are cells, by the names of its files; None if these do not tell.

    Examples
    --------
    >>> cells_first(Layout(Path("cells_x_genes.mtx"), Path("b"), Path("f")))
    True
    """
    matrix = layout.matrix.name.removesuffix(".gz")
    if re.fullmatch(r"cells_x_genes\.mtx|(count_matrix|DGE)\.mtx|quants_mat\.mtx", matrix):
        return True
    ranger = re.fullmatch(r".*(matrix|spliced|unspliced|ambiguous|UniqueAndMult-\w+)\.mtx", matrix)
    named = re.fullmatch(r".*(features|genes)\.tsv(\.gz)?|peaks\.bed(\.gz)?", layout.features.name)
    return False if ranger and named else None


def _matrix(folder: Path) -> Path:
    files = sorted(file for file in folder.iterdir() if re.fullmatch(r".*\.mtx(\.gz)?", file.name))
    exact = [file for file in files if file.name in ("matrix.mtx", "matrix.mtx.gz")]
    files = exact or files
    if len(files) == 1:
        return files[0]
    if files and all(_CHOICES.fullmatch(file.name) for file in files):
        first = next((file for file in files if re.match(r"spliced|\w+\.cell", file.name)), files[0])
        raise Refused(
            f"{folder} has several counts of the same cells: {listing(file.name for file in files)}",
            f"give the path of one, e.g. {first}",
        )
    what = f"more than one matrix ({listing(file.name for file in files)})" if files else "no matrix (.mtx)"
    raise Refused(f"{what} in {folder}", f"give the path of one matrix file{_inside(folder)}")


def _beside(matrix: Path, words: str, what: str, key: str) -> Path:
    """Return the file with the names of cells or features that belongs to a matrix."""
    pattern = re.compile(rf"(.*[._-])?{words}{_TABLE}", re.IGNORECASE)
    files = [file for file in sorted(matrix.parent.iterdir()) if pattern.fullmatch(file.name)]
    files = [file for file in files if not file.name.startswith(".")]
    stem = _MATRIX.fullmatch(matrix.name)
    prefix = stem[1] if stem else matrix.name
    shared = {file: _common(prefix, file.name) for file in files}
    best = [file for file in files if shared[file] == max(shared.values())]
    if len(best) > 1:  # the same names twice, packed and not, or once with a shorter name
        shortest = min(len(file.name) for file in best)
        best = [file for file in best if len(file.name) == shortest]
    if len(best) == 1:
        if prefix and not best[0].name.startswith(prefix):
            logger.info("%s: names of %s from %s, the only such file that fits", matrix, what, best[0].name)
        return best[0]
    found = f"several files may name its {what}: {listing(file.name for file in best)}" if best else (
        f"no file names its {what} (such as {what}.tsv or .txt, gzipped or not)"
    )  # fmt: skip
    raise Refused(
        f"{matrix}: {found}",
        f"write mtx: {{{key}: PATH}} in the study's entry{_inside(matrix.parent)}",
        key="path",
    )


def _common(one: str, other: str) -> int:
    """Return the number of letters with which both begin."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def matrices_inside(folder: Path) -> list[Path]:
    """Return the folders with a matrix below a folder of results, those of filtered cells first."""
    inner = [file for depth in ("*", "*/*", "*/*/*") for file in islice(folder.glob(f"{depth}/*.mtx*"), MOST)]
    found = sorted({file.parent for file in inner if re.fullmatch(r".*\.mtx(\.gz)?", file.name)})
    return sorted(found, key=lambda path: ("raw" in path.name, "filtered" not in path.name))


def _inside(folder: Path) -> str:
    """Return advice for the folder of all results of Cell Ranger, STARsolo, alevin-fry or Parse."""
    found = [*matrices_inside(folder), *sorted(folder.glob("filtered_*_bc_matrix.h5"))]
    return f"; here: {listing(map(str, found), 4)}" if found else ""
