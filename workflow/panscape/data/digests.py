"""Digests of a run's files: damaged ones are recognised before they are used.

Beside each file that a job of the workflow makes lies a small hidden record, ``.panscape/<name>.sha256``, in
the format of ``sha256sum``. One record per file lets any number of jobs write at once. It has no paths and no
dates, so it stays valid when its folder is moved or copied. A file without a record is not checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from panscape.errors import Problem, UserError

FOLDER = ".panscape"
SUFFIX = ".sha256"
WHOLE = 64 << 20  # bytes: smaller files are always hashed as a whole
SAMPLES, BLOCK = 256, 1 << 16  # of larger files jobs hash this many blocks of this many bytes
_HEADER = re.compile(r"# (\d+) bytes, sampled ([0-9a-f]{64})(?:, rule (\S+?))?(?:, part of ([./]+))?")
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
    part_of
        Path from the file's folder to the folder that the rule wrote as a whole; empty if it wrote files.
    """

    size: int
    sampled: str
    sha256: str
    rule: str = ""
    part_of: str = ""

    @classmethod
    def of(cls, path: str | Path, rule: str = "", part_of: str = "") -> Digest:
        """Return the digest of a file."""
        size, whole = Path(path).stat().st_size, sha256(path)
        return cls(size, whole if size <= WHOLE else sampled(path), whole, rule, part_of)

    def product(self, path: str | Path) -> Path:
        """Return what its rule makes anew if the file is deleted: the file, or the folder it is part of."""
        return Path(os.path.normpath(Path(path).parent / self.part_of)) if self.part_of else Path(path)

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
    by += f", part of {digest.part_of}" if digest.part_of else ""
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
    return Digest(int(head[1]), head[2], line[1], head[3] or "", head[4] or "")


def forget(path: str | Path) -> None:
    """Remove a file's record, before the file is replaced."""
    record_path(path).unlink(missing_ok=True)


def begin(outputs: Iterable[str | Path], rule: str) -> None:
    """Record the outputs of a rule from now on, each when it is written; a folder stands for all in it."""
    _products.update({str(Path(path).absolute()): rule for path in outputs})


def of_output(path: str | Path, content: str | Path) -> Digest | None:
    """Return the digest of a file's content if the file is one of this job's outputs, else None."""
    path = Path(path).absolute()
    for place in (path, *path.parents):
        rule = _products.get(str(place))
        if rule is not None:
            return Digest.of(content, rule, "" if place == path else os.path.relpath(place, path.parent))
    return None


def check(*paths: str | Path, collection: str = "", names: Collection[str] = ()) -> None:
    """Refuse files, or folders with files, that are not as they were written. Unrecorded files pass.

    Parameters
    ----------
    paths
        Files or folders. A file is read once per process, unless it changes.
    collection
        The collection of a job: its run makes its own files anew, those of others have to be copied again.
        Empty: all files are its own.
    names
        Names of the files in folders that are looked at; empty: all.

    Raises
    ------
    UserError
        Naming all recorded files that are damaged, or missing from a folder.
    """
    problems = [problem for path in paths for problem in _problems(Path(path), collection, names)]
    if problems:
        raise UserError(problems)


def _problems(path: Path, collection: str, names: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with a file, or with the files in a folder."""
    inside = (item for item in recorded(path) if not names or item.name in names)
    for item in inside if path.is_dir() else [path]:
        if not item.is_file():
            if item != path:
                yield Problem(str(item), "is missing", _cure(path, str(path), collection))
            continue
        found = item.stat()
        key = (str(item.absolute()), found.st_ino, found.st_size, found.st_mtime_ns)
        if key in _checked:
            continue
        digest = read(item)
        if not digest or not (how := digest.differs(item)):
            _checked.add(key)
            continue
        by = f"rule {digest.rule} wrote" if digest.rule else "was written"
        product = digest.product(item)
        cure = _cure(product, "it" if product == item else str(product), collection)
        cure += f"; if you changed it on purpose, delete {record_path(item)}"
        yield Problem(str(item), f"is damaged or was edited: not what {by} ({how})", cure)


def _cure(path: Path, name: str, collection: str) -> str:
    """Return what to do about a damaged file or folder: a run makes anew what it made itself."""
    if collection and collection not in path.parts:
        return f"copy {path} anew, or run the collection that it is of again"
    return f"delete {name} and run the same command again, which makes it anew"


def recorded(folder: str | Path) -> Iterator[Path]:
    """Yield the files below a folder that have a record, sorted; they need not exist any more."""
    yield from sorted(recorded_path(record) for record in Path(folder).rglob(f"{FOLDER}/*{SUFFIX}"))
