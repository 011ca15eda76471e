"""Write config/README.md and config/config.yaml from the schema."""

from pathlib import Path

from panscape.config import document, reference
from panscape.files import atomic

FOLDER = Path(__file__).resolve().parents[3] / "config"

if __name__ == "__main__":
    for name, text in (("README.md", document()), ("config.yaml", reference())):
        with atomic(FOLDER / name) as scratch:
            scratch.write_text(text, encoding="utf-8")
