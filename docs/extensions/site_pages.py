"""Sphinx extension: writes the generated pages, and resolves links and references.

The generated pages lie in ``docs/generated`` (ignored by git). They are written before Sphinx looks for its
sources, and only where they differ, so that a second build reads what changed.
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import configuration
import gallery
import interface
import tutorials
from links import ROOT, adapt

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

# page -> file at the root of the repository that it shows
SHOWN = {
    "architecture": "ARCHITECTURE.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "resources": "resources/README.md",
    "results": "results/README.md",
}


def contents(folder: Path, results: Path = gallery.RESULTS) -> dict[str, str]:
    """Return name (with suffix) -> text of all generated pages; pictures are put into the folder at once."""
    pages = {f"{name}.md": text for name, text in configuration.pages().items()}
    pages |= {f"{name}.rst": text for name, text in interface.pages().items()}
    for name, source in SHOWN.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        pages[f"{name}.md"] = adapt(text, source, f"docs/generated/{name}")
    pages["gallery.md"] = gallery.page(folder, results)
    pages |= tutorials.pages(results.parent)
    pages["renamed.inc"] = configuration.renamed_table()
    return pages


def write(folder: Path) -> None:
    """Write the generated pages into a folder, and remove those that are no longer made."""
    pages = contents(folder)
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*"):
        if path.suffix in (".md", ".rst") and path.relative_to(folder).as_posix() not in pages:
            path.unlink()


def _generate(app: Sphinx, config: Config) -> None:
    write(Path(app.srcdir) / "generated")


def _adapt_links(app: Sphinx, page: str, source: list[str]) -> None:
    if page.startswith("generated/") or not (Path(app.srcdir) / f"{page}.md").is_file():
        return
    source[0] = adapt(source[0], f"docs/{page}.md", f"docs/{page}")


def _resolve(app: Sphinx, env: BuildEnvironment, node: Element, content: Element) -> Element | None:
    """Resolve a reference to the module that defines a name: to the page that offers it, or to plain text.

    A reference into the library whose target does not exist is left to Sphinx, which warns.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    if target in _ALIASES and _ALIASES[target] != target:
        domain = env.get_domain("py")
        result = domain.resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], _ALIASES[target], node, content
        )
        if result is not None:
            return result
    return content if _exists(target, node.get("py:module", "")) else None


_ALIASES: dict[str, str] = {}  # where a name is defined -> where it is offered


def _exists(target: str, package: str) -> bool:
    """Return whether a dotted name exists in the library, by its full path or in a module of a package."""
    if target.startswith("panscape."):
        return _lookup(target)
    return any(_lookup(f"{name}.{target}") for name in _inside(package))


@cache
def _inside(package: str) -> list[str]:
    """Return the names of a package and of all modules in it."""
    if not package.startswith("panscape"):
        return []
    folder = getattr(import_module(package), "__path__", ())
    return [package, *(result.name for result in pkgutil.walk_packages(folder, f"{package}."))]


def _lookup(path: str) -> bool:
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            item = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            if not hasattr(item, name) and name not in getattr(item, "__annotations__", {}):
                return False
            item = getattr(item, name, None)
        return True
    return False


def _mend(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Keep ``|r|`` an absolute value, and the first line of a property a sentence."""
    if what in ("attribute", "data", "property") and lines[-1:] and lines[-1].startswith(":type: "):
        # napoleon took the part of the first sentence before a colon for a type
        lines[0] = f"{lines.pop().removeprefix(':type: ')}: {lines[0]}"
    for at, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+)", line)
        lines[at] = "".join(
            part if part[:1] == "`" else re.sub(r"(?<!\\)\|(?=\S)", r"\\|", part) for part in parts
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    _ALIASES.update(interface.aliases())
    app.connect("config-inited", _generate)
    app.connect("source-read", _adapt_links)
    app.connect("missing-reference", _resolve)
    app.connect("autodoc-process-docstring", _mend, priority=600)  # after napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
