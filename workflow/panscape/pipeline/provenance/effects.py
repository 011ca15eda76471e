"""Side effects of importing a module."""

from __future__ import annotations

import ast

from panscape.pipeline.provenance.names import Names, lazy_face
from panscape.pipeline.provenance.normal import docstring_of, is_type_checking

# methods of other libraries that change state although their result is assigned
_CHANGING = {
    "seterr", "seed", "use", "setdefault", "append", "extend", "insert", "add", "update", "pop", "register",
    "simplefilter", "filterwarnings", "basicConfig", "setLevel", "addHandler", "putenv", "chdir", "signal",
    "set_num_threads", "manual_seed", "enable", "disable", "set_options", "write", "exec", "eval", "setattr",
}  # fmt: skip


def has_effects(tree: ast.Module, names: Names) -> bool:
    """Return whether importing a module may have side effects.

    Definitions, imports and assignments to the module's names have none, unless they call functions of the
    library or the module, or others known to change state. Other statements may have some: expression
    statements, loops, assignments to attributes or items.
    """
    ours = {*names.binds, *names.defines}
    return any(_may_change(node, ours) for node in tree.body if node is not docstring_of(tree))


def _may_change(node: ast.stmt, ours: set[str]) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)) or _is_main(node) or is_type_checking(node):
        return False
    if lazy_face(node):
        return False
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        given = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        return any(_calls(part, ours) or _named(part, ours) for part in node.decorator_list) or any(
            _calls(part, ours) for part in given
        )
    if isinstance(node, ast.ClassDef):
        head = any(_calls(part, ours) or _named(part, ours) for part in node.decorator_list)
        inside = ours - {node.name}
        return head or any(_class_line(part, inside) for part in node.body if part is not docstring_of(node))
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        plain = all(isinstance(part, (ast.Name, ast.Tuple, ast.Starred, ast.List)) for part in targets)
        return not plain or (node.value is not None and _calls(node.value, ours))
    if isinstance(node, ast.If):
        parts = [*node.body, *node.orelse]
        return _calls(node.test, ours) or any(_may_change(part, ours) for part in parts)
    if isinstance(node, ast.Try):
        parts = [*node.body, *node.orelse, *node.finalbody, *(p for h in node.handlers for p in h.body)]
        return any(_may_change(part, ours) for part in parts)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return True


def _class_line(node: ast.stmt, ours: set[str]) -> bool:
    """Return the same for a statement in a class body."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return _may_change(node, ours)


def _is_main(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If) and "__name__" in ast.dump(node.test) and "__main__" in ast.dump(node.test)
    )


def _named(node: ast.expr, ours: set[str]) -> bool:
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id in ours


def _calls(node: ast.AST, ours: set[str]) -> bool:
    """Return whether an expression calls functions that may change state, except within lambdas."""
    if isinstance(node, ast.Lambda):
        return False
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if _named(node.func, ours) or name in _CHANGING:
            return True
    return any(_calls(child, ours) for child in ast.iter_child_nodes(node))
