"""What the documents show runs as it stands there."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = [
    pytest.param(text, id=f"{path.stem}-{number}")
    for path in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S))
]


def test_the_library_has_an_example():
    assert any(param.id.startswith("library-") for param in EXAMPLES)


@pytest.mark.parametrize("text", [param for param in EXAMPLES if param.id.startswith("library-")])
def test_example_runs(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "example", "exec"), {"__name__": "example"})
