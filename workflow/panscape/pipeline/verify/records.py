"""Check of a folder with results against the records of its files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from panscape.data import digests
from panscape.errors import fail

SHOWN = 20  # paths in a list


@dataclass(frozen=True)
class Checked:
    """What became of the files of a folder.

    Attributes
    ----------
    whole
        Files that are as they were written.
    damaged
        File -> how it differs.
    gone
        Files that have a record and do not exist: temporary ones, and ones deleted since.
    unrecorded
        Files without a record, which cannot be checked.
    products
        Damaged file -> what a run makes anew: the file, or the folder that it is part of.
    """

    whole: tuple[Path, ...]
    damaged: dict[Path, str]
    gone: tuple[Path, ...]
    unrecorded: tuple[Path, ...]
    products: dict[Path, Path] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the result in words, damaged files first."""
        text = [f"DAMAGED {path}: {what}" for path, what in self.damaged.items()]
        if self.damaged:
            names = " ".join(dict.fromkeys(str(self.products.get(path, path)) for path in self.damaged))
            text.append(f"Delete these and name them as targets, which makes them anew: {names}")
            text.append(
                "If you changed a file on purpose, delete its record, .panscape/<name>.sha256 beside it."
            )
        text.append(f"{len(self.whole)} files are as they were written")
        if self.unrecorded:
            number = f"{len(self.unrecorded)} files have no record and were not checked"
            text.append(f"{number}:{_some(self.unrecorded)}")
        if self.gone:
            text.append(f"{len(self.gone)} files were temporary or have been deleted:{_some(self.gone)}")
        return text


def _some(paths: tuple[Path, ...]) -> str:
    more = [f"\n  and {len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    return "".join([f"\n  {path}" for path in paths[:SHOWN]] + more)


def results(folder: str | Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted, without hidden files and folders.

    Raises
    ------
    UserError
        If there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise fail(str(root), "is no folder", "give a folder with results, e.g. results/demo")
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def verify(folder: str | Path) -> Checked:
    """Compare all files below a folder with their records, large ones as a whole.

    Raises
    ------
    UserError
        If there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.tsv").write_text("gene")
    >>> digests.write(folder / "a.tsv", digests.Digest.of(folder / "a.tsv"))
    >>> _ = (folder / "a.tsv").write_text("ge")
    >>> list(verify(folder).damaged.values())
    ['it has 2 bytes instead of 4']
    """
    whole, damaged, unrecorded, products = [], {}, [], {}
    for path in results(folder):
        digest = digests.read(path)
        if digest is None:
            unrecorded.append(path)
        elif what := digest.differs(path, whole=True):
            damaged[path], products[path] = what, digest.product(path)
        else:
            whole.append(path)
    gone = [path for path in digests.recorded(folder) if not path.is_file()]
    return Checked(tuple(whole), damaged, tuple(gone), tuple(unrecorded), products)


def report(folder: str | Path, log: str | Path) -> None:
    """Check a folder, and write the result to the terminal and to a file.

    Parameters
    ----------
    folder
        Folder with results.
    log
        File to write.

    Raises
    ------
    UserError
        If files are damaged.
    """
    checked = verify(folder)
    text = "\n".join(checked.lines()) + "\n"
    Path(log).write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    if checked.damaged:
        advice = "delete what the list says and name it as targets of the same command"
        raise fail(str(folder), f"{len(checked.damaged)} files are damaged or were edited", advice)
