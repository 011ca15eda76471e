"""What a result rests on: the code that made it and the versions of the libraries beneath it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parent


def code_digest(script: str | Path) -> str:
    """Return a digest of a script and of every panscape module that it imports, directly or not.

    Comments and layout do not count, so that only a change of behaviour asks for a rerun. The other files of
    an imported package (templates) do.
    """
    seen: dict[Path, str] = {}
    queue = [Path(script)]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen[path], imported = _parsed(path, path.stat().st_mtime_ns)
        queue.extend(imported)
    for package in [path.parent for path in seen if path.name == "__init__.py" and path.parent != PACKAGE]:
        for path in package.rglob("*"):
            # what interpreter and compiler keep there comes and goes with the runs
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                seen[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for path in sorted(seen, key=lambda path: (path.name, str(path))):
        digest.update(f"{path.name}\n{seen[path]}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _parsed(path: Path, changed: int) -> tuple[str, tuple[Path, ...]]:
    """Return what a file says and the files that it imports, once for all the scripts that reach it."""
    tree = ast.parse(path.read_bytes())
    return ast.dump(tree), tuple(_imports(tree, path))


def _imports(tree: ast.AST, path: Path) -> Iterator[Path]:
    """Yield the files of the panscape modules that a module imports anywhere, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "panscape":
                yield from _files(name)


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    parents = path.resolve().relative_to(PACKAGE.parent).parts[: -node.level]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _files(name: str) -> Iterator[Path]:
    """Yield the file of a module and the `__init__` of each package on the way to it."""
    folder = PACKAGE.parent
    for part in name.split("."):
        if (folder / part / "__init__.py").is_file():
            folder = folder / part
            yield folder / "__init__.py"
        elif (folder / f"{part}.py").is_file():
            yield folder / f"{part}.py"
            return
        else:  # a function or class of the module before
            return


def versions(names: list[str]) -> dict[str, str]:
    """Return the installed version of each distribution ("absent" where there is none)."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
