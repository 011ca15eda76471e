"""Digests of a run's files: damaged ones are recognised before they are used.

Beside each file that a job of the workflow makes lies a small hidden record, ``.panscape/<name>.sha256``, in
the format of ``sha256sum``. One record per file lets any number of jobs write at once. It has no paths and no
dates, so it stays valid when its folder is moved or copied. A file without a record is not checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from panscape.errors import fail

FOLDER = ".panscape"
SUFFIX = ".sha256"
WHOLE = 64 << 20  # bytes: smaller files are always hashed as a whole
SAMPLES, BLOCK = 256, 1 << 16  # of larger files jobs hash this many blocks of this many bytes
_HEADER = re.compile(r"# (\d+) bytes, sampled ([0-9a-f]{64})(?:, rule (\S+))?")
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")

_products: dict[str, str] = {}  # absolute path of an output of this job -> its rule
_checked: set[tuple[str, int, int, int]] = set()  # path, inode, size, time of files found to be as written


@dataclass(frozen=True)
class Digest:
    """Size and digests of a file.

    Attributes
    ----------
    size
        Bytes.
    sampled
        SHA-256 of the whole file up to :data:`WHOLE`, else of the size and of blocks from all over the file.
    sha256
        SHA-256 of the whole file.
    rule
        The rule that wrote the file; empty if unknown.
    """

    size: int
    sampled: str
    sha256: str
    rule: str = ""

    @classmethod
    def of(cls, path: str | Path, rule: str = "") -> Digest:
        """Return the digest of a file."""
        size, whole = Path(path).stat().st_size, sha256(path)
        return cls(size, whole if size <= WHOLE else sampled(path), whole, rule)

    def differs(self, path: str | Path, *, whole: bool = False) -> str:
        """Return how a file differs from the digest; empty if it does not.

        Parameters
        ----------
        path
            An existing file.
        whole
            Hash all of a large file, not only samples.
        """
        size = Path(path).stat().st_size
        if size != self.size:
            return f"it has {size:,} bytes instead of {self.size:,}"
        same = sha256(path) == self.sha256 if whole else sampled(path) == self.sampled
        return "" if same else "its content is another"


def sha256(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sampled(path: str | Path) -> str:
    """Return the SHA-256 of a file; beyond :data:`WHOLE` bytes of its size and evenly spaced blocks."""
    size = Path(path).stat().st_size
    if size <= WHOLE:
        return sha256(path)
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as handle:
        for number in range(SAMPLES):
            handle.seek(number * (size - BLOCK) // (SAMPLES - 1))
            digest.update(handle.read(BLOCK))
    return digest.hexdigest()


def record_path(path: str | Path) -> Path:
    """Return the path of a file's record.

    Examples
    --------
    >>> record_path("results/demo/preprocess/genes.tsv").as_posix()
    'results/demo/preprocess/.panscape/genes.tsv.sha256'
    """
    path = Path(path)
    return path.with_name(FOLDER) / f"{path.name}{SUFFIX}"


def recorded_path(record: Path) -> Path:
    """Return the path of the file that a record is of."""
    return record.parent.with_name(record.name.removesuffix(SUFFIX))


def write(path: str | Path, digest: Digest) -> None:
    """Write a file's record.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.txt")
    >>> _ = path.write_text("text")
    >>> write(path, Digest.of(path, "write_text"))
    >>> read(path).rule
    'write_text'
    """
    record = record_path(path)
    record.parent.mkdir(exist_ok=True)
    by = f", rule {digest.rule}" if digest.rule else ""
    head = f"# {digest.size} bytes, sampled {digest.sampled}{by}"
    record.write_text(f"{head}\n{digest.sha256}  {Path(path).name}\n", encoding="utf-8")


def read(path: str | Path) -> Digest | None:
    """Return the digest in a file's record; None if there is no record, or no whole one."""
    record = record_path(path)
    if not record.is_file():
        return None
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) != 2:
        return None
    head, line = _HEADER.fullmatch(lines[0]), _LINE.fullmatch(lines[1])
    if not head or not line or line[2] != Path(path).name:
        return None
    return Digest(int(head[1]), head[2], line[1], head[3] or "")


def forget(path: str | Path) -> None:
    """Remove a file's record, before the file is replaced."""
    record_path(path).unlink(missing_ok=True)


def begin(outputs: Iterable[str | Path], rule: str) -> None:
    """Record the outputs of a rule from now on, each when it is written; a folder stands for all in it."""
    _products.update({str(Path(path).absolute()): rule for path in outputs})


def rule_of(path: str | Path) -> str | None:
    """Return the rule of this job if a file is one of its outputs, else None."""
    path = Path(path).absolute()
    return next((_products[str(place)] for place in (path, *path.parents) if str(place) in _products), None)


def check(path: str | Path) -> None:
    """Refuse a file, or a folder with files, that is not as it was written. Unrecorded files pass.

    Parameters
    ----------
    path
        File or folder. A file is read once per process, unless it changes.

    Raises
    ------
    UserError
        If a recorded file is damaged, or missing from the folder.
    """
    path = Path(path)
    if path.is_dir():
        for item in recorded(path):
            if not item.is_file():
                raise fail(str(item), "is missing", f"delete {path} and run the same command again")
            check(item)
        return
    if not path.is_file():
        return
    found = path.stat()
    key = (str(path.absolute()), found.st_ino, found.st_size, found.st_mtime_ns)
    if key in _checked:
        return
    digest = read(path)
    if digest and (what := digest.differs(path)):
        by = f"rule {digest.rule} wrote" if digest.rule else "was written"
        raise fail(
            str(path),
            f"is damaged or was edited: not what {by} ({what})",
            "delete it and run the same command again, which makes it anew; if you changed it on purpose, "
            f"delete {record_path(path)}",
        )
    _checked.add(key)


def recorded(folder: str | Path) -> Iterator[Path]:
    """Yield the files below a folder that have a record, sorted; they need not exist any more."""
    yield from sorted(recorded_path(record) for record in Path(folder).rglob(f"{FOLDER}/*{SUFFIX}"))
