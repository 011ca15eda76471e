"""Data files that a module reads, from its uses of `__file__`."""

from __future__ import annotations

import ast
from pathlib import Path

EVERYTHING = "*"


def data_files(tree: ast.Module, path: Path) -> list[str]:
    """Return the absolute paths of the files and folders that a module names relative to itself.

    Recognises ``Path(__file__).parent / "templates"``, ``.parents[2] / "schemas" / name`` (the folder),
    ``os.path``, and variables with such values. :data:`EVERYTHING` stands for an undetermined path.
    """
    if not any(_is_file(node) for node in ast.walk(tree)):
        return []
    reader = _Places(path)
    for _ in range(2):  # a name may be used above its assignment
        reader.learn(tree)
    reader.look(tree)
    return sorted(reader.files)


def _is_file(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "__file__") or (
        isinstance(node, ast.Attribute) and node.attr == "__file__"
    )


class _Places:
    def __init__(self, path: Path):
        self.path = path
        self.names: dict[str, Path] = {}
        self.files: set[str] = set()

    def learn(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                value = self.value(node.value)
                if value is not None:
                    self.names[node.targets[0].id] = value

    def look(self, node: ast.AST) -> None:
        """Collect the outermost expressions that denote a path; other uses of `__file__` are undetermined."""
        value = self.value(node) if isinstance(node, ast.expr) else None
        if value is not None:
            self.files.add(EVERYTHING if value == self.path else str(value))
        elif _is_file(node):
            self.files.add(EVERYTHING)
        else:
            for child in ast.iter_child_nodes(node):
                if not (isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)):
                    self.look(child)

    def value(self, node: ast.expr) -> Path | None:
        if isinstance(node, ast.Name):
            return self.path if node.id == "__file__" else self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.value(node.value) if node.attr == "parent" else None
            return base.parent if base is not None else None
        if isinstance(node, ast.Subscript):
            return self._parents(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left = self.value(node.left)
            return left if left is None else self._below(left, [node.right])
        return self._called(node) if isinstance(node, ast.Call) else None

    def _parents(self, node: ast.Subscript) -> Path | None:
        inside, at = node.value, node.slice
        if not (
            isinstance(inside, ast.Attribute)
            and inside.attr == "parents"
            and isinstance(at, ast.Constant)
            and isinstance(at.value, int)
        ):
            return None
        base = self.value(inside.value)
        return None if base is None else base.parents[at.value]

    def _called(self, node: ast.Call) -> Path | None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        method = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        if method is not None:
            if name in ("resolve", "absolute", "as_posix"):
                return method
            if name == "with_name":
                return self._below(method.parent, node.args)
            if name == "joinpath":
                return self._below(method, node.args)
            return None
        first = self.value(node.args[0]) if node.args else None
        if first is None:
            return None
        if name in ("Path", "str", "fspath", "abspath", "realpath", "PurePath"):
            return first
        if name == "dirname":
            return first.parent
        return self._below(first, node.args[1:]) if name == "join" else None

    @staticmethod
    def _below(folder: Path, parts: list[ast.expr]) -> Path:
        """Return a path below a folder, up to the first part that is not a constant."""
        for part in parts:
            if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
                return folder
            folder = folder / part.value
        return folder
