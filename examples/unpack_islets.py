"""Unpack the islets of human and mouse that the package came distributes.

    python examples/unpack_islets.py FOLDER

FOLDER holds the package's wheel, downloaded with the checksum of examples/requirements.txt. Beside it are
written ``human.h5ad``, ``mouse.h5ad`` (cells x genes, raw counts) and ``orthologues.tsv`` (one-to-one, and
both genes of mouse insulin).
"""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
from pathlib import Path

CELLS = {"human.h5ad": "raw-Baron_human.h5ad", "mouse.h5ad": "raw-Baron_mouse.h5ad"}
PAIRS = "gene_matches_1v1_human2mouse.csv"
# two genes of mouse for one of human, so that they are missing from a table of one-to-one pairs
INSULIN = [("INS", "Ins1"), ("INS", "Ins2")]


def unpack(folder: Path) -> None:
    """Write the cells and the orthologues; files that are there are kept."""
    (wheel,) = folder.glob("came-*.whl")
    with zipfile.ZipFile(wheel) as package, zipfile.ZipFile(package.open("came/sample_data.zip")) as inner:
        for name, member in CELLS.items():
            _write(folder / name, inner.read(member))
        with inner.open(PAIRS) as source:
            rows = csv.DictReader(io.TextIOWrapper(source, encoding="utf-8"))
            pairs = [(row["human.gene.name"], row["gene.name"]) for row in rows]
    known = [pair for pair in pairs if all(pair) and pair not in INSULIN] + INSULIN
    lines = ["human\tmouse", *("\t".join(pair) for pair in known)]
    _write(folder / "orthologues.tsv", ("\n".join(lines) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_bytes(content)
    os.replace(scratch, path)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
