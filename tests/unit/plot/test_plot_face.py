"""matplotlib is imported in `plot` only."""

import ast
from pathlib import Path

from panscape import plot

ROOT = Path(__file__).parents[3] / "workflow"


def importers() -> set[str]:
    files = [*(ROOT / "panscape").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    packages = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "matplotlib" for name in names):
                packages.add(path.relative_to(ROOT).parts[:2])
    return packages


def test_nothing_but_plot_imports_matplotlib():
    assert importers() == {("panscape", "plot")}


def test_figures_of_every_stage_are_in_the_face():
    assert {"draw_landscape", "draw_unicoord", "draw_lines", "save_figure"} <= set(plot.__all__)
    assert plot.draw_unicoord.__module__ == "panscape.plot.unicoord"
