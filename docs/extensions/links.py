"""Relative links of Markdown files, turned into links between the pages of the site."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[((?:[^\]\[]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
# files of the repository that are pages of the site under another name
PAGES = {
    "ARCHITECTURE.md": "docs/generated/architecture",
    "CHANGELOG.md": "docs/generated/changelog",
    "CITATION.cff": "docs/citing",
    "CODE_OF_CONDUCT.md": "docs/generated/contributing",
    "CONTRIBUTING.md": "docs/generated/contributing",
    "README.md": "docs/index",
    "config/README.md": "docs/generated/configuration/index",
    "resources/README.md": "docs/generated/resources",
    "results/README.md": "docs/generated/results",
}


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Apply a function to the parts of a Markdown text that are not fenced blocks."""
    parts, at = [], 0
    for block in FENCE.finditer(text):
        parts += [change(text[at : block.start()]), block.group()]
        at = block.end()
    return "".join([*parts, change(text[at:])])


def relative_links(text: str) -> list[str]:
    """Return the targets of the links of a Markdown text that are no web addresses."""
    result: list[str] = []

    def collect(part: str) -> str:
        result.extend(target for _, target in LINK.findall(part))
        return part

    outside_fences(text, collect)
    return [target for target in result if not re.match(r"[a-z]+:", target)]


def adapt(text: str, source: str, page: str) -> str:
    """Return a Markdown text with its relative links rewritten for the site.

    Parameters
    ----------
    text
        Content of the file.
    source
        Path of the file below the repository's root, to which its links are relative.
    page
        Path of the page below the root, with ``docs/`` and without a suffix, from which the links start.

    Returns
    -------
    str
        Links to documents lead to their pages; of a link to any other file only the text is left.
    """

    def one(match: re.Match[str]) -> str:
        label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group()
        name, _, anchor = target.partition("#")
        path = os.path.normpath(PurePosixPath(source).parent / name)
        to = PAGES.get(path) or (path.removesuffix(".md") if path.startswith("docs/") else "")
        if not to or (path.startswith("docs/") and not path.endswith(".md")):
            return label if "`" in label else f"`{label}`"
        where = os.path.relpath(f"{to}.md", PurePosixPath(page).parent)
        return f"[{label}]({where}{'#' if anchor else ''}{anchor})"

    return outside_fences(text, lambda part: LINK.sub(one, part))
