"""Imports go down only, the picture of the floors in ARCHITECTURE.md is true, faces are narrow and lazy."""

import ast
import importlib
import re
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "workflow" / "panscape"
SCRIPTS = ROOT / "workflow" / "scripts"


def floors() -> dict[str, int]:
    """Return the floor of each top-level part of the library, the ground being 0, from the picture."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## Floors", 1)[1]
    block = re.search(r"```text\n(.*?)```", section, re.S).group(1)
    lines = [
        re.findall(r"[a-z_]+", line.split("  ", 1)[0].replace(" · ", " ")) for line in block.splitlines()
    ]
    lines = [names for names in lines if names]
    return {name: len(lines) - 1 - at for at, names in enumerate(lines) for name in names}


def name_of(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in LIBRARY.rglob("*.py")}


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the library's modules that a file imports, also inside functions; not for type checking."""
    seen: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "panscape":
                for alias in child.names:
                    inner = f"{child.module}.{alias.name}"
                    seen.add(inner if inner in modules() else child.module)
            elif isinstance(child, ast.Import):
                seen.update(alias.name for alias in child.names if alias.name in modules())
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(seen)


def closure(path: Path) -> set[str]:
    reached: set[str] = set()
    waiting = set(imported(path))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= imported(modules()[name])
    return reached


def part(name: str) -> str:
    return name.split(".")[1] if "." in name else name


def test_the_picture_names_every_part_of_the_library():
    parts = {
        path.stem for path in LIBRARY.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(floors()) == parts - {"__init__"}


def test_imports_go_down_only():
    level = floors()
    wrong = [
        f"{name} -> {target}"
        for name, path in modules().items()
        if name != "panscape"
        for target in imported(path)
        if target != "panscape" and part(target) != part(name) and level[part(target)] >= level[part(name)]
        if level[part(name)] > 0  # the ground may use itself
    ]
    assert not wrong, wrong


def test_imports_go_in_no_circle():
    state: dict[str, int] = {}

    def visit(name: str, trail: list[str]) -> None:
        state[name] = 1
        for target in imported(modules()[name]):
            if target in name.split(".") or name.startswith(f"{target}."):
                continue
            assert state.get(target) != 1, " -> ".join([*trail, name, target])
            if target not in state:
                visit(target, [*trail, name])
        state[name] = 2

    for name in modules():
        if name not in state:
            visit(name, [])


def test_a_script_loads_a_small_part_of_the_library():
    sizes = [len(closure(path)) for path in SCRIPTS.glob("*.py")]
    assert statistics.median(sizes) <= 45, sizes


def test_nobody_inside_the_library_imports_through_a_face():
    faces = {name for name, path in modules().items() if path.name == "__init__.py"}
    wrong = []
    for path in [*modules().values(), *SCRIPTS.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in faces and node.module != "panscape":
                wrong += [
                    f"{path.name}: {node.module}.{alias.name}"
                    for alias in node.names
                    if f"{node.module}.{alias.name}" not in modules()
                    and not re.search(rf"^{alias.name}\b.*=", modules()[node.module].read_text(), re.M)
                ]
    assert not wrong, wrong


@pytest.mark.parametrize("name", sorted(n for n, p in modules().items() if p.name == "__init__.py"))
def test_a_face_is_narrow_and_its_names_are_no_modules(name):
    face = importlib.import_module(name)
    names = getattr(face, "__all__", [])
    assert len(names) <= 12
    inside = {path.stem if path.suffix == ".py" else path.name for path in modules()[name].parent.iterdir()}
    assert not set(names) & inside
    for public in names:
        assert getattr(face, public).__doc__, public


def test_a_face_loads_nothing_before_it_is_used():
    code = "import sys, panscape, " + ", ".join(
        n for n, p in modules().items() if p.name == "__init__.py" and n != "panscape.report.sections"
    )
    code += "; print(sorted(m for m in sys.modules if m.split('.')[0] in"
    code += " ('torch', 'numba', 'sklearn', 'scanpy', 'pandas', 'matplotlib', 'scipy')))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=LIBRARY.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
