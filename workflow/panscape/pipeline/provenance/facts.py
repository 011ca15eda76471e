"""Facts of a source file: digest and references, cached between runs."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from panscape.log import logger
from panscape.pipeline.provenance.data import data_files
from panscape.pipeline.provenance.effects import has_effects
from panscape.pipeline.provenance.names import names_of
from panscape.pipeline.provenance.normal import docstrings, normal

_READERS = (b"__doc__", b"getdoc", b"getsource", b"getcomments")
SETTLED = 2.0  # seconds: files changed more recently may change again without a new modification time


@dataclass(frozen=True)
class Facts:
    """Digest and references of a source file.

    Attributes
    ----------
    digest, documented
        Digests of its behaviour, without and with docstrings.
    reads_docstrings
        Whether it reads docstrings.
    effects
        Whether its import may have side effects.
    uses, loads, at_once, binds, defines, mentions, anything
        See :class:`panscape.pipeline.provenance.names.Names`.
    data
        See :func:`panscape.pipeline.provenance.data.data_files`.
    """

    digest: str
    documented: str
    reads_docstrings: bool
    effects: bool
    uses: list[list[str]]
    loads: list[list[str]]
    at_once: list[list[str]]
    binds: dict[str, list[str]]
    defines: list[str]
    mentions: list[str]
    anything: bool
    data: list[str]


def read_facts(path: Path, module: str) -> Facts:
    """Return the facts of a source file."""
    source = path.read_bytes()
    tree = ast.parse(source)
    names = names_of(tree, module, is_package=path.name == "__init__.py")
    digest = _digest(normal(tree))
    return Facts(
        digest=digest,
        documented=_digest("\0".join([digest, *docstrings(tree)])),
        reads_docstrings=any(word in source for word in _READERS)
        and any(map(_reads_docstring, ast.walk(tree))),
        effects=has_effects(tree, names),
        uses=sorted(map(list, names.uses)),
        loads=sorted(map(list, names.loads)),
        at_once=sorted(map(list, names.at_once)),
        binds={name: list(target) for name, target in sorted(names.binds.items())},
        defines=sorted(names.defines),
        mentions=sorted(names.mentions),
        anything=names.anything,
        data=data_files(tree, path) if b"__file__" in source else [],
    )


def _reads_docstring(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.encode() in _READERS


def _digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]


def file_digest(path: Path, _: str = "") -> str:
    """Return the digest of a file's bytes."""
    return _digest(path.read_bytes())


class Cache:
    """Cache of facts by modification time and size, in one JSON file.

    Parameters
    ----------
    path
        Path of the JSON file; None disables the cache.
    """

    def __init__(self, path: Path | None):
        self.path = path
        # another version of the parser or of Python invalidates the cache
        reader = "".join(file_digest(source) for source in sorted(Path(__file__).parent.glob("*.py")))
        self.key = _digest(f"{reader} {sys.version_info[:2]}")
        self.kept: dict[str, list[Any]] = {}
        self.changed = False
        if path is not None and path.is_file():
            try:
                saved = json.loads(path.read_text())
                self.kept = saved["files"] if saved["key"] == self.key else {}
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.debug("%s is not used: %s", path, error)

    def get(self, path: Path, make: Callable[[Path, str], Any], module: str = "") -> Any:
        """Return the facts of a file, from the cache unless it changed.

        Parameters
        ----------
        path
            The file.
        make
            Function of the path and the module's name that reads the facts.
        module
            Dotted name of the module; a file may have several.
        """
        stat = path.stat()
        name = f"{path}:{module}"
        entry = self.kept.get(name)
        if entry is not None and entry[:2] == [stat.st_mtime_ns, stat.st_size]:
            return Facts(**entry[2]) if isinstance(entry[2], dict) else entry[2]
        facts = make(path, module)
        if time.time() - stat.st_mtime > SETTLED:
            value = asdict(facts) if isinstance(facts, Facts) else facts
            self.kept[name] = [stat.st_mtime_ns, stat.st_size, value]
            self.changed = True
        else:
            self.kept.pop(name, None)
        return facts

    def save(self) -> None:
        """Write new facts to the file, if it is writable."""
        if self.path is None or not self.changed:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            with os.fdopen(handle, "w") as file:
                file.write(json.dumps({"key": self.key, "files": self.kept}))  # `dump` is ten times as slow
            os.replace(scratch, self.path)  # jobs of a cluster may write concurrently
        except OSError as error:
            logger.debug("%s cannot be written: %s", self.path, error)
        self.changed = False
