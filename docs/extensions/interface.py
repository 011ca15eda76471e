"""Pages of the library: what each package offers, from its ``__all__``, and the modules in it."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import pkgutil
import textwrap
from pathlib import Path
from types import ModuleType

import panscape

FOLDER = "api"
METHODS = ("coscape", "sivae", "coem", "unicoord")
# modules without a package around them that readers of other pages are sent to
MODULES = ("panscape.errors", "panscape.seeds")


def packages() -> list[ModuleType]:
    """Return the packages of the library, those of the methods first."""
    names = [result.name for result in pkgutil.walk_packages(panscape.__path__, "panscape.") if result.ispkg]
    modules = [importlib.import_module(name) for name in ("panscape", *names, *MODULES)]
    return sorted(modules, key=lambda module: (_group(module.__name__), module.__name__))


def _group(name: str) -> int:
    top = name.split(".")[1] if "." in name else ""
    return METHODS.index(top) if top in METHODS else len(METHODS)


def offered(module: ModuleType) -> list[str]:
    """Return the public names of a module, in the order of the alphabet."""
    names = getattr(module, "__all__", None)
    if names is None and module.__name__ in MODULES:
        names = [
            name for name, item in vars(module).items() if getattr(item, "__module__", "") == module.__name__
        ]
    return sorted((name for name in names or () if not name.startswith("_")), key=str.lower)


def aliases() -> dict[str, str]:
    """Return dotted path of the definition -> public path, of everything that the packages offer."""
    result: dict[str, str] = {}
    for module in packages():
        for name in offered(module):
            item = getattr(module, name)
            if hasattr(item, "__qualname__"):
                result.setdefault(f"{item.__module__}.{item.__qualname__}", f"{module.__name__}.{name}")
    return result


def pages() -> dict[str, str]:
    """Return name -> reStructuredText of the pages."""
    modules = packages()
    methods = [module for module in modules if _group(module.__name__) < len(METHODS)]
    others = [module for module in modules if module not in methods]
    text = _heading("API reference", "=") + _INTRODUCTION
    for title, group in (("Methods", methods), ("What the methods share, and the workflow", others)):
        if group:
            text += _heading(title, "-") + _list(group)
    return {f"{FOLDER}/index": text, **{f"{FOLDER}/{module.__name__}": _page(module) for module in modules}}


_INTRODUCTION = """
What the packages offer to notebooks and programs, and the modules in them. Functions and classes that have
an entry here are public; :doc:`/deprecations` says what happens when one is renamed. Modules are listed for
those who read or change the code, and their content can change in any version.

"""


def _heading(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}\n\n"


def _list(modules: list[ModuleType]) -> str:
    rows = "".join(
        f"   * - :doc:`{module.__name__}`\n     - {(inspect.getdoc(module) or '').splitlines()[0]}\n"
        for module in modules
    )
    table = f".. list-table::\n   :widths: 30 70\n\n{rows}\n"
    names = [module.__name__ for module in modules]
    hidden = "".join(f"   {name.removeprefix('panscape.')} <{name}>\n" for name in names)
    return f"{table}.. toctree::\n   :hidden:\n\n{hidden}\n"


def _page(module: ModuleType) -> str:
    name, names = module.__name__, offered(module)
    text = _heading(name, "=") + f".. automodule:: {name}\n   :no-members:\n\n.. currentmodule:: {name}\n\n"
    listed = [one for one in names if callable(getattr(module, one))]
    if listed:
        text += ".. autosummary::\n   :nosignatures:\n\n" + "".join(f"   {one}\n" for one in listed) + "\n"
    return f"{text}{chr(10).join(_directive(module, one) for one in names)}\n{_modules(module)}"


def _directive(module: ModuleType, name: str) -> str:
    path, item = f"{module.__name__}.{name}", getattr(module, name)
    if inspect.isclass(item) and issubclass(item, BaseException):
        return f".. autoexception:: {path}\n   :show-inheritance:\n"
    if inspect.isclass(item):
        return f".. autoclass:: {path}\n   :members:\n"
    if inspect.ismodule(item):
        return f".. automodule:: {item.__name__}\n   :members:\n"
    if callable(item):
        return f".. autofunction:: {path}\n"
    return f".. py:data:: {name}\n\n{textwrap.indent(_of_constant(module, name), '   ')}\n"


def _of_constant(module: ModuleType, name: str) -> str:
    """Return the text below the assignment of a constant, in the module of the package that defines it."""
    for path in sorted(Path(module.__file__ or "").parent.rglob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for line, following in itertools.pairwise(body):
            targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                text = getattr(getattr(following, "value", None), "value", None)
                if isinstance(following, ast.Expr) and isinstance(text, str):
                    return inspect.cleandoc(text)
    return ""


def _modules(package: ModuleType) -> str:
    """Return a table of the modules in a package, each with the first line of its docstring."""
    result = [one for one in pkgutil.iter_modules(getattr(package, "__path__", ())) if not one.ispkg]
    rows = ""
    for name in (one.name for one in result if one.name != "__main__"):
        path = Path(package.__path__[0], f"{name}.py")
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        line = " ".join(about.split("\n\n")[0].split())
        rows += f"   * - ``{name}``\n     - {line}\n"
    return f".. list-table:: Modules\n   :widths: 25 75\n\n{rows}\n" if rows else ""
