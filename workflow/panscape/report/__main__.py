"""Write docs/references.md and CITATION.cff from the bibliography."""

from pathlib import Path

from panscape.report.bibliography import citation_file, page

ROOT = Path(__file__).resolve().parents[3]

if __name__ == "__main__":
    (ROOT / "docs" / "references.md").write_text(page(), encoding="utf-8")
    (ROOT / "CITATION.cff").write_text(citation_file(), encoding="utf-8")
