"""Names of the library that a source file uses, resolved from their bindings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from panscape.pipeline.provenance.normal import (
    children,
    docstring_of,
    is_type_checking,
    reads_annotations,
    walk,
)

LIBRARY = "panscape"
_DOTTED = re.compile(rf"\b{LIBRARY}(?:\.\w+)+")
_IMPORTERS = {"import_module", "__import__", "attach", "attach_stub", "run_module", "find_spec"}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
           ast.GeneratorExp)  # fmt: skip
Bound = tuple[str, str]  # a module and a dotted name in it, "" for the module itself


@dataclass
class Names:
    """Names of the library that a file uses.

    Attributes
    ----------
    uses
        (module, dotted name) of all references; the name is empty for references to a module itself.
    loads
        The same for all import statements, including those in functions.
    at_once
        Those of `loads` at module level.
    binds
        Mapping of names bound by imports to their targets.
    defines
        Other names that the module binds, except imports from other libraries.
    mentions
        Modules named in strings, for imports by name, subprocesses and template loaders.
    anything
        Whether it imports modules whose names are computed.
    """

    uses: set[Bound] = field(default_factory=set)
    loads: set[Bound] = field(default_factory=set)
    at_once: set[Bound] = field(default_factory=set)
    binds: dict[str, Bound] = field(default_factory=dict)
    defines: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)
    anything: bool = False


def names_of(tree: ast.Module, module: str, *, is_package: bool) -> Names:
    """Return the names of the library that a module uses, except imports for type checking.

    Parameters
    ----------
    tree
        Syntax tree of the module.
    module
        Dotted name of the module.
    is_package
        Whether it is an `__init__` file, where relative imports start.
    """
    reader = _Reader(module if is_package else module.rpartition(".")[0])
    bound = _bindings(tree.body, reader.package)
    reader.scopes.append(bound)
    names = reader.names
    shared: set[str] = set()
    others: set[str] = set()
    nodes = walk(tree)
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    for node in nodes:
        if isinstance(node, ast.Global):
            shared.update(node.names)
    for node in imports:
        new = _imports(node, reader.package)[0]
        bound.update({name: target for name, target in new.items() if name in shared})
        others.update(name for name, target in new.items() if target is None)
    for name, target in bound.items():
        if target is None:
            names.defines.update({name} - others)
        else:
            names.binds[name] = target
    reader.visit(tree)
    for node in tree.body:
        names.binds.update({name: (home, name) for name, home in lazy_face(node).items()})
    return names


def lazy_face(node: ast.AST) -> dict[str, str]:
    """Return the names of a lazily loaded package and their modules, from its `attach` statement.

    The statement is ``... = attach(__name__, {"name": "module", ...})`` of :mod:`panscape.lazy` with a
    literal mapping; it does not load any of the modules.
    """
    call = node.value if isinstance(node, ast.Assign) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "attach"):
        return {}
    if len(call.args) != 2 or getattr(call.args[0], "id", "") != "__name__":
        return {}
    names = call.args[1]
    if not isinstance(names, ast.Dict) or not all(
        isinstance(part, ast.Constant) and isinstance(part.value, str)
        for part in [*names.keys, *names.values]
    ):
        return {}
    return ast.literal_eval(names)


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> tuple[dict[str, Bound | None], list[Bound]]:
    """Return the names bound by an import statement (None if not of the library), and the modules loaded."""
    if isinstance(node, ast.Import):
        binds: dict[str, Bound | None] = {}
        loads = []
        for alias in node.names:
            ours = alias.name.split(".")[0] == LIBRARY
            name = alias.asname or alias.name.split(".")[0]
            binds[name] = ((alias.name if alias.asname else LIBRARY), "") if ours else None
            loads += [(alias.name, "")] if ours else []
        return binds, loads
    base = node.module or ""
    if node.level:
        parents = package.split(".")
        parents = parents[: len(parents) - node.level + 1]
        base = ".".join([*parents, *([node.module] if node.module else [])])
    if base.split(".")[0] != LIBRARY:
        return {alias.asname or alias.name: None for alias in node.names}, []
    pairs = {alias.asname or alias.name: (base, alias.name) for alias in node.names}
    return {name: pair for name, pair in pairs.items() if name != "*"}, [*pairs.values()]


def _bindings(body: Iterable[ast.AST], package: str) -> dict[str, Bound | None]:
    """Return the names that statements bind in their scope; imports of the library take precedence."""
    bindings: dict[str, Bound | None] = {}
    queue: list[ast.AST] = list(body)
    while queue:
        node = queue.pop()
        new: dict[str, Bound | None] = {}
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            new = _imports(node, package)[0]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            new = {node.name: None}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            new = {node.id: None}
        elif isinstance(node, ast.arg):
            new = {node.arg: None}
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            new = {node.name: None}
        for name, target in new.items():
            if target is not None or name not in bindings:
                bindings[name] = target
        if is_type_checking(node):
            queue += node.orelse
        elif not isinstance(node, (*_SCOPES, ast.ClassDef)):
            queue += children(node)
    return bindings


class _Reader(ast.NodeVisitor):
    """Visitor that resolves the uses of names of the library."""

    def __init__(self, package: str):
        self.package = package
        self.names = Names()
        self.depth = 0  # of functions
        self.scopes: list[Mapping[str, Bound | None]] = []

    def _lookup(self, name: str) -> Bound | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        loads = _imports(node, self.package)[1]
        for module, name in loads:
            self.names.loads.add((module, "" if name == "*" else name))
            if not self.depth:
                self.names.at_once.add((module, "" if name == "*" else name))
            if name == "*":
                self.names.uses.add((module, ""))

    visit_Import = visit_ImportFrom = _import

    def visit_Name(self, node: ast.Name) -> None:
        target = self._lookup(node.id)
        if target is not None and isinstance(node.ctx, ast.Load):
            self.names.uses.add(target)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            parts.append(base.attr)
            base = base.value
        target = self._lookup(base.id) if isinstance(base, ast.Name) else None
        if target is None:
            self.visit(base)
            return
        module, name = target
        self.names.uses.add((module, ".".join([*([name] if name else []), *reversed(parts)])))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.names.mentions.update(_DOTTED.findall(node.value))

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in _IMPORTERS:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                if first.value.startswith("."):
                    self._relative(first.value, node.args[1:])
            else:
                self.names.anything = True
        self.generic_visit(node)

    def _relative(self, name: str, package: list[ast.expr]) -> None:
        """Record the import of a module by a relative name."""
        base = self.package
        if package:
            given = package[0]
            if not isinstance(given, ast.Constant):
                base = self.package if isinstance(given, ast.Name) and given.id == "__package__" else ""
            else:
                base = str(given.value)
        if not base:
            self.names.anything = True
            return
        parts = base.split(".")
        up = len(name) - len(name.lstrip(".")) - 1
        self.names.mentions.add(".".join([*parts[: len(parts) - up], name.lstrip(".")]))

    def visit_Assign(self, node: ast.Assign) -> None:
        if not lazy_face(node):
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if is_type_checking(node):
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.generic_visit(node)

    def _function(self, node) -> None:
        for child in getattr(node, "decorator_list", []):
            self.visit(child)
        arguments = node.args
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.visit(default)
        body = node.body if isinstance(node.body, list) else [node.body]
        if not isinstance(node, ast.Lambda) and reads_annotations(node):
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            for child in [node.returns, *(argument.annotation for argument in every)]:
                if child is not None:
                    self.visit(child)
        scope = _bindings([arguments, *body], self.package)
        elsewhere = set()  # global names are looked up in the module
        for child in body:
            if isinstance(child, (ast.Global, ast.Nonlocal)):
                elsewhere.update(child.names)
        scope = {name: target for name, target in scope.items() if name not in elsewhere}
        self.depth += 1
        self._within(scope, [child for child in body if child is not docstring_of(node)])
        self.depth -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def _comprehension(self, node) -> None:
        self._within(_bindings([part.target for part in node.generators], self.package),
                     list(ast.iter_child_nodes(node)))  # fmt: skip

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for child in [*node.decorator_list, *node.bases, *(item.value for item in node.keywords)]:
            self.visit(child)
        # methods do not see names of the class body, so only its imports matter
        members = {name: target for name, target in _bindings(node.body, self.package).items() if target}
        self._within(members, node.body)

    def _within(self, scope: Mapping[str, Bound | None], nodes: Iterable[ast.AST]) -> None:
        self.scopes.append(scope)
        for child in nodes:
            self.visit(child)
        self.scopes.pop()
