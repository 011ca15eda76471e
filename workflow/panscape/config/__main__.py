"""Write config/README.md, config/config.yaml and docs/deviations.md from the schema and the deviations."""

from pathlib import Path

from panscape.config import deviations_document
from panscape.config.document import document, reference
from panscape.data.files import atomic

ROOT = Path(__file__).resolve().parents[3]

if __name__ == "__main__":
    for name, text in (
        ("config/README.md", document()),
        ("config/config.yaml", reference()),
        ("docs/deviations.md", deviations_document.document()),
    ):
        with atomic(ROOT / name) as scratch:
            scratch.write_text(text, encoding="utf-8")
