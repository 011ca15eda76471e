"""Comparison of the results of two runs, file by file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from panscape.data import digests
from panscape.data.files import open_h5, read_json, read_tsv, reading
from panscape.pipeline.verify.records import results

TOLERANCE = 1e-4
"""Largest difference of close files, relative to the largest number of a column or array."""
DRAWN = (".svg", ".png", ".pdf", ".html", ".md", ".zip")  # figures, and the report that holds them


@dataclass(frozen=True)
class Compared:
    """Files of two runs, by path relative to their folders.

    Attributes
    ----------
    equal
        Same bytes, or HDF5 files with the same values.
    close
        File -> largest relative difference of its numbers, within the tolerance; NaN for figures and texts
        that differ where tables and matrices differ, too.
    different
        File -> what differs.
    only
        File -> the folder that has it.
    """

    equal: tuple[str, ...]
    close: dict[str, float]
    different: dict[str, str]
    only: dict[str, str]

    @property
    def same(self) -> bool:
        """Return whether both runs have the same files, equal or close."""
        return not self.different and not self.only

    def lines(self) -> list[str]:
        """Return one line per file that is not equal, and the numbers of files."""
        text = [f"DIFFERENT {name}: {what}" for name, what in self.different.items()]
        text += [f"ONLY IN {folder}: {name}" for name, folder in self.only.items()]
        text += [
            f"close {name}: " + ("drawn anew" if np.isnan(size) else f"relative difference {size:.1e}")
            for name, size in self.close.items()
        ]
        numbers = (len(self.equal), len(self.close), len(self.different), len(self.only))
        return [*text, "{} files equal, {} close, {} different, {} in one folder only".format(*numbers)]


def compare(one: str | Path, other: str | Path, tolerance: float = TOLERANCE) -> Compared:
    r"""Compare the files of two folders with results.

    Parameters
    ----------
    one, other
        The folders.
    tolerance
        Largest difference of numbers in close files, relative to the largest of their column or array.

    Raises
    ------
    UserError
        If a folder does not exist, or a file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> a, b = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    >>> _ = (a / "t.tsv").write_text("x\n1.0\n"), (b / "t.tsv").write_text("x\n1.0000001\n")
    >>> compare(a, b).lines()
    ['close t.tsv: relative difference 1.0e-07', '0 files equal, 1 close, 0 different, 0 in one folder only']
    """
    folders = [Path(one), Path(other)]
    names = [[path.relative_to(folder).as_posix() for path in results(folder)] for folder in folders]
    equal: list[str] = []
    close: dict[str, float] = {}
    different: dict[str, str] = {}
    drawn: list[str] = []
    for name in sorted(set(names[0]) & set(names[1])):
        paths = [folder / name for folder in folders]
        if digests.sha256(paths[0]) == digests.sha256(paths[1]):
            equal.append(name)
        elif name.endswith(DRAWN):
            drawn.append(name)
        else:
            size = difference(*paths)
            if size == 0 and name.endswith((".h5ad", ".h5mu")):
                equal.append(name)
            elif size <= tolerance:
                close[name] = size
            else:
                different[name] = (
                    "other text or shape" if np.isinf(size) else f"relative difference {size:.1e}"
                )
    # what is drawn from numbers that differ in their last digits differs, too
    if close or different:
        close |= dict.fromkeys(drawn, float("nan"))
    else:
        different |= dict.fromkeys(drawn, "other content")
    only = {name: str(one) for name in names[0] if name not in set(names[1])}
    only |= {name: str(other) for name in names[1] if name not in set(names[0])}
    return Compared(tuple(equal), close, different, only)


def difference(one: Path, other: Path) -> float:
    """Return the largest relative difference of two files' numbers; infinite if anything else differs."""
    first, second = dict(_parts(one)), dict(_parts(other))
    if first.keys() != second.keys():
        return float("inf")
    return max((_differ(first[name], second[name]) for name in first), default=0.0)


def _differ(a: np.ndarray, b: np.ndarray) -> float:
    """Return max |a - b| / max |a, b|; infinite if shapes, texts or missing values differ."""
    if a.shape != b.shape or (a.dtype.kind in "OSU") != (b.dtype.kind in "OSU"):
        return float("inf")
    if a.dtype.kind in "OSUV":
        return 0.0 if a.tolist() == b.tolist() else float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    odd = ~np.isfinite(a) | ~np.isfinite(b)
    if not np.array_equal(a[odd], b[odd], equal_nan=True):
        return float("inf")
    largest = max(np.abs(a[~odd]).max(initial=0.0), np.abs(b[~odd]).max(initial=0.0))
    return float(np.abs(a - b)[~odd].max(initial=0.0) / largest) if largest else 0.0


def _parts(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and values of a file's columns, arrays or numbers; of other files the bytes."""
    if path.name.endswith((".tsv", ".tsv.gz")):
        table: pd.DataFrame = read_tsv(path, low_memory=False)
        yield from ((str(name), table[name].to_numpy()) for name in table)
    elif path.suffix == ".npz":
        with reading(path), np.load(path) as arrays:
            yield from [(name, arrays[name]) for name in arrays]
    elif path.suffix in (".h5ad", ".h5mu"):
        yield from _datasets(path).items()
    elif path.suffix == ".json":
        yield from ((name, np.asarray(value)) for name, value in _leaves(read_json(path)))
    elif path.suffix == ".safetensors":
        yield from _weights(path).items()
    else:
        yield "bytes", np.frombuffer(path.read_bytes(), dtype="S1")


def _weights(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    with reading(path):
        try:
            return load_file(path)
        except SafetensorError as error:  # an Exception of its own, which `reading` does not know
            raise ValueError(str(error)) from error


def _datasets(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        found.update({f"{name}@{key}": np.asarray(value) for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()])

    with open_h5(path) as file:
        file.visititems(add)
    return found


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}/{key}")
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{name}/{number}")
    else:
        yield name, value if isinstance(value, (int, float)) else json.dumps(value)
