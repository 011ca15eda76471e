"""The report with the files it links to, in one file that can be sent."""

from __future__ import annotations

import re
import zipfile
from html import unescape
from pathlib import Path
from urllib.parse import unquote

from panscape.data.files import atomic

LARGEST = 20_000_000  # bytes of a file; larger ones are named in the archive instead
_LINK = re.compile(r'<a class="file" href="([^"]+)"')
_DATE = (1980, 1, 1, 0, 0, 0)  # the same results give the same archive


def linked(html: str) -> list[str]:
    """Return the paths of the files beside a report that it links to, sorted.

    Examples
    --------
    >>> linked('<a class="file" href="landscape/my%20genes.tsv">genes</a>')
    ['landscape/my genes.tsv']
    """
    return sorted({unquote(unescape(path)) for path in _LINK.findall(html)})


def write_archive(path: str | Path, root: str | Path, pages: list[str]) -> None:
    """Write a zip of a report's pages and of the files that its first page links to.

    Parameters
    ----------
    path
        Where to write it.
    root
        The folder of the report.
    pages
        Names of the pages in `root`, the report first.
    """
    root = Path(root)
    wanted = [name for name in linked((root / pages[0]).read_text(encoding="utf-8")) if name not in pages]
    large = [name for name in wanted if (root / name).stat().st_size > LARGEST]
    with atomic(path) as scratch, zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as made:
        for name in [*pages, *(name for name in wanted if name not in large)]:
            made.writestr(_entry(f"{root.name}/{name}"), (root / name).read_bytes())
        if large:
            text = f"Larger than {LARGEST // 10**6} MB, in the folder of the results only:\n"
            made.writestr(_entry(f"{root.name}/left_out.txt"), text + "".join(f"{name}\n" for name in large))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
