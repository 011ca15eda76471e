"""What the documents show in Python runs as it stands there, or at least names what is there."""

import ast
import builtins
import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")]
PAGES = [path for path in (*PAGES, *sorted((ROOT / "docs").glob("*.md"))) if path.is_file()]
SLOW = ("train(", ".fit(")  # with default settings: minutes
QUICK = ("library", "metacells", "networks-of-lines", "reading-a-sivae", "unicoord")
"""Pages that train small models on made-up data."""
MADE = ("results/", "weights.safetensors")  # files that a run would have made


def blocks(path):
    """Return the blocks of Python of a page."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M)


def unbound(text):
    """Return the names that a block uses and does not bind."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Name, ast.alias))]
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {(node.asname or node.name).split(".")[0] for node in nodes if isinstance(node, ast.alias)}
    return used - bound - set(dir(builtins))


def objects():
    """Return what the pages take for granted: a small multi-omic sample."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 200)
    rna, atac = (rng.gamma(0.4, 2, size=(3, width))[kind] + 0.02 for width in (60, 120))
    return {
        "rna_counts": sparse.csr_matrix(rng.poisson(rna).astype(np.float32)),
        "atac_counts": sparse.csr_matrix(rng.poisson(atac).astype(np.float32)),
        "obs": pd.DataFrame({"study": "lab", "kind": kind.astype(str)}, index=[f"c{i}" for i in range(600)]),
    }


def runs(texts):
    """Tell whether all names of a page's blocks are known, and nothing else is needed."""
    known = "\n".join(texts)
    return not unbound(known) - set(objects()) and not any(word in known for word in (*SLOW, *MADE))


SHOWN = [(path, blocks(path)) for path in PAGES if blocks(path)]
CHOSEN = {path for path, texts in SHOWN if runs(texts) or path.stem in QUICK}
RUN = [pytest.param(texts, id=path.stem) for path, texts in SHOWN if path in CHOSEN]
READ = [pytest.param(texts, id=path.stem) for path, texts in SHOWN if path not in CHOSEN]


def test_the_library_has_examples_that_run():
    assert set(QUICK) <= {param.id for param in RUN}


@pytest.mark.parametrize("texts", RUN)
def test_examples_run(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "example", **objects()}
    for text in texts:
        exec(compile(text, "example", "exec"), names)


@pytest.mark.parametrize("texts", READ)
def test_examples_import_what_is_there(texts):
    for node in (node for text in texts for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "panscape":
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            assert all(importlib.import_module(alias.name) for alias in node.names)
