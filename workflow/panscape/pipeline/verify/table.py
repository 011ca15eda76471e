"""Published digests of a collection's results, in the format of ``sha256sum``."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import panscape
from panscape.data import digests
from panscape.data.files import atomic
from panscape.errors import fail
from panscape.pipeline.verify.compare import DRAWN, Compared
from panscape.pipeline.verify.records import results

_GIVE = "give a table of digests, e.g. docs/demo.sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def kernels() -> str:
    """Return what decides the last digits of numbers: processor and kernels of the linear algebra."""
    import numpy  # noqa: F401 loads its library of linear algebra
    from threadpoolctl import threadpool_info

    names = {pool["architecture"] for pool in threadpool_info() if "architecture" in pool}
    file = Path("/proc/cpuinfo")  # PyTorch chooses its kernels by the vendor, too
    vendor = re.search(r"^vendor_id\s*:\s*(\S+)", file.read_text(), re.MULTILINE) if file.is_file() else None
    machine = f"{platform.machine()} {vendor[1] if vendor else ''}".strip()
    return f"{machine}, {' '.join(sorted(names)) or 'unknown'} kernels"


def made_with(path: str | Path) -> str:
    """Return the first line of a table: collection, version, and the kernels that it was made with."""
    return _lines(path)[0].removeprefix("# ")


def _lines(path: str | Path) -> list[str]:
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()


def write_digests(folder: str | Path, path: str | Path) -> int:
    """Write the digests of all tables, matrices and models of a folder; return their number.

    Figures and the report are left out: their digits depend on the fonts of the machine.

    Parameters
    ----------
    folder
        Folder with results.
    path
        Table to write.
    """
    root = Path(folder)
    names = [item.relative_to(root).as_posix() for item in results(root) if not item.name.endswith(DRAWN)]
    head = f"# {root.name}, panscape {panscape.__version__}, {kernels()}"
    with atomic(path) as scratch:
        lines = [head, *(f"{digests.sha256(root / name)}  {name}" for name in names)]
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(names)


def compare_digests(folder: str | Path, path: str | Path) -> Compared:
    """Compare the files of a folder with a table of :func:`write_digests`.

    Parameters
    ----------
    folder
        Folder with results.
    path
        The table. Files that it does not list are not looked at.

    Raises
    ------
    UserError
        If the folder or the table does not exist, or the table is empty or has another format.
    """
    if not Path(path).is_file():
        raise fail(str(path), "does not exist", _GIVE)
    wanted = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.startswith("#"):
            if not (match := _LINE.fullmatch(line)):
                raise fail(
                    f"{path}, line {number}", f"found {line[:60]!r}", "give lines as sha256sum prints them"
                )
            wanted[match[2]] = match[1]
    if not wanted:
        raise fail(str(path), "lists no files", _GIVE)
    there = {item.relative_to(folder).as_posix(): item for item in results(folder)}
    equal, different = [], {}
    for name in wanted.keys() & there.keys():
        if digests.sha256(there[name]) == wanted[name]:
            equal.append(name)
        else:
            different[name] = "other bytes"
    only = {name: str(path) for name in sorted(wanted.keys() - there.keys())}
    return Compared(tuple(sorted(equal)), {}, dict(sorted(different.items())), only)
