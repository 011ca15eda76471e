"""The examples in the library's docstrings run, and print what they say."""

import doctest
import importlib
import inspect
import time
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "workflow" / "panscape"
SECONDS = 5.0  # for all examples of a module: they are read, so they are small


def name_of(path):
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# importing all modules would take longer than the examples
WITH_EXAMPLES = [name_of(path) for path in sorted(LIBRARY.rglob("*.py")) if ">>>" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    start = time.process_time()
    results = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0 and results.attempted > 0
    assert time.process_time() - start < SECONDS


def test_examples_are_those_of_the_library():
    assert "panscape.settings" in WITH_EXAMPLES
    module = importlib.import_module("panscape.settings")
    assert ">>>" in inspect.getdoc(module.FromMapping)
