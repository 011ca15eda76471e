"""Normalised source: the syntax tree without comments, docstrings and annotations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

# decorators that do not read annotations; with any other, annotations count
_BLIND = {
    "staticmethod", "classmethod", "property", "cached_property", "cache", "lru_cache", "contextmanager",
    "abstractmethod", "no_grad", "inference_mode", "njit", "jit", "compiled", "setter", "wraps", "override",
    "pytest",
}  # fmt: skip
_LEAVES = (ast.Name, ast.Constant)  # more than half of all nodes
_SKIPPED = {"ctx", "type_comment", "kind", "lineno", "col_offset"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the child nodes, except `Load`, `Store` and `Del`, several times as fast as `ast`'s function."""
    if isinstance(node, _LEAVES):
        return
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            yield from (part for part in value if isinstance(part, ast.AST))
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            yield value


def walk(tree: ast.AST) -> list[ast.AST]:
    """Return a node and all below it, in the order of :func:`ast.walk`."""
    nodes = [tree]
    for node in nodes:  # the list grows
        nodes.extend(children(node))
    return nodes


def is_type_checking(node: ast.AST) -> TypeGuard[ast.If]:
    """Return whether a statement is ``if TYPE_CHECKING:``, whose body never runs."""
    test = node.test if isinstance(node, ast.If) else None
    name = test.id if isinstance(test, ast.Name) else getattr(test, "attr", None)
    return name == "TYPE_CHECKING"


def docstring_of(node: ast.AST) -> ast.Expr | None:
    """Return the docstring node of a module, class or function."""
    if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    first = node.body[0] if node.body else None
    return first if _is_text(first) else None


def _is_text(node: object) -> TypeGuard[ast.Expr]:
    """Return whether a statement is a string."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def reads_annotations(node: ast.AST) -> bool:
    """Return whether a function's decorators may read its annotations (as `singledispatch` does)."""
    for decorator in getattr(node, "decorator_list", []):
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
        if name not in _BLIND:
            return True
    return False


def normal(tree: ast.AST) -> str:
    """Return a source's syntax tree without comments, docstrings and annotations, as text.

    Annotations of class fields, which define dataclasses, and those that decorators may read are kept.
    """
    pieces: list[str] = []
    _collect(tree, pieces, in_class=False)
    return "".join(pieces)


def docstrings(tree: ast.AST) -> list[str]:
    """Return all docstrings of a module in order."""
    nodes = map(docstring_of, walk(tree))
    return [ast.literal_eval(node.value) for node in nodes if node is not None]


def _collect(node: ast.AST, pieces: list[str], *, in_class: bool) -> None:
    if is_type_checking(node):
        for child in node.orelse:
            _collect(child, pieces, in_class=in_class)
        return
    if isinstance(node, ast.AnnAssign) and not in_class:
        if node.value is None:
            return  # a bare annotation
        node = ast.Assign(targets=[node.target], value=node.value)
    bare = isinstance(node, Function) and not reads_annotations(node)
    inside = isinstance(node, ast.ClassDef)
    pieces.append(f"{type(node).__name__}(")
    for name in node._fields:
        value = getattr(node, name, None)
        if name in _SKIPPED or value is None or value == [] or (bare and name == "returns"):
            continue
        pieces.append(f"{name}=")
        for item in value if isinstance(value, list) else (value,):
            if _is_text(item):
                continue  # a docstring, also of a variable
            if bare and isinstance(item, ast.arguments):
                _arguments(item, pieces)
            elif isinstance(item, ast.AST):
                _collect(item, pieces, in_class=inside)
            else:
                pieces.append(f"{item!r},")
    pieces.append(")")


def _arguments(node: ast.arguments, pieces: list[str]) -> None:
    """Collect arguments without their annotations."""
    for name in node._fields:
        value = getattr(node, name, None)
        pieces.append(f"{name}=")
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, ast.arg):
                pieces.append(f"{item.arg},")
            elif isinstance(item, ast.AST):
                _collect(item, pieces, in_class=False)
            else:
                pieces.append(f"{item!r},")
