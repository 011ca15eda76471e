"""Where the repository and the collection of the tests of whole runs are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"
