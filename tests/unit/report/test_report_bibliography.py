"""The bibliography: complete entries, all citations and the documents generated from it."""

import re
from pathlib import Path

import pytest
import yaml

from panscape.report import bibliography
from panscape.report.sections import SECTIONS

ROOT = Path(__file__).parents[3]
METHODS = ["hie2019coscape", "choi2023sivae", "coem", "unicoord"]


def test_documents_are_those_of_the_bibliography():
    for name, text in (
        ("docs/references.md", bibliography.page()),
        ("CITATION.cff", bibliography.citation_file()),
    ):
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name} is out of date: run `make docs`"


def test_the_citation_file_names_all_four_methods():
    content = yaml.safe_load(bibliography.citation_file())
    dois = [item["doi"] for item in content["references"]]
    assert dois == [bibliography.entries()[key].fields["doi"] for key in METHODS]
    assert all(item["authors"] and isinstance(item["year"], int) for item in content["references"])


def test_every_section_cites_its_methods():
    cited = {section.name: section.references for section in SECTIONS}
    assert set().union(*cited.values()) <= bibliography.entries().keys()
    for stage in ("panclust", "coexpression", "landscape", "dictionary", "overlap"):
        assert "hie2019coscape" in cited[stage], stage
    assert {"coem", "mcRigor", "persad2023seacells"} <= set(cited["metacells"])
    assert "choi2023sivae" in cited["sivae"] and "choi2023sivae" in cited["networks"]
    assert "unicoord" in cited["unicoord"] and "unicoord" in cited["features"]


def test_docs_and_deviations_cite_keys_that_exist():
    place = re.compile(r"^\s*(?:citation|reference|cite)s?: *\[?([\w, ]+)\]?$", re.MULTILINE)
    for path in (ROOT / "workflow/deviations").glob("*.yaml"):
        for keys in place.findall(path.read_text(encoding="utf-8")):
            assert set(re.findall(r"\w+", keys)) <= bibliography.entries().keys(), path


def test_names_in_docstrings_are_in_the_bibliography():
    # (Author 2019), (Author and Other 2019), (Author et al. 2019), Author et al. 2019
    form = r"([A-ZŠ][\w-]+)(?:,? (?:[A-Z][\w-]+,? )*and [A-Z][\w-]+| et al\.,?)? \(?((?:19|20)\d\d)\b"
    every = bibliography.entries().values()
    known = {(family, one.fields["year"]) for one in every for family, _ in one.authors}
    missing = {}
    for path in (ROOT / "workflow/panscape").rglob("*.py"):
        text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
        for pair in re.findall(form, text):
            if pair not in known:
                missing[pair] = path.name
    assert not missing


def test_references_read_as_in_a_paper():
    one = bibliography.entries()["coem"]
    assert one.short == "Mao et al. 2022"
    assert one.text == (
        "Mao H, Jia M, Dou JX, Zhang H, Benos PV (2022). COEM: Cross-Modal Embedding for MetaCell "
        "Identification. arXiv. https://doi.org/10.48550/arXiv.2207.07734"
    )
    assert bibliography.entries()["mcRigor"].short == "Liu and Li 2025"
    assert bibliography.entries()["hao2021wnn"].text.startswith(
        "Hao Y, Hao S, Andersen-Nissen E, Mauck WM et al."
    )
    assert bibliography.cite(["coem", "coem"]) == [one.text]
    with pytest.raises(KeyError):
        bibliography.cite(["nobody1900nothing"])


def test_software_is_cited_by_the_names_of_the_versions_table():
    assert bibliography.of_software(["panscape", "numpy", "no-paper"]) == ["harris2020numpy"]


GOOD = """@article{one2000x,
  author = {One, A.},
  title = {T},
  journal = {J},
  year = {2000},
  keywords = {method},
}
"""


@pytest.mark.parametrize(
    "old, new",
    [
        ("  title = {T},\n", ""),
        ("{method}", "{other}"),
        ("title = {T}", "titel = {T}"),
        ("  title = {T},\n", "  title = {T},\n  title = {U},\n"),
        ("}\n", "}\n" + "@article{one2000x,\n"),
        ("\n}\n", "\n"),
    ],
)
def test_a_faulty_bibliography_is_refused(old, new):
    assert list(bibliography.parse(GOOD)) == ["one2000x"]
    with pytest.raises(ValueError, match=r"references\.bib"):
        bibliography.parse(GOOD.replace(old, new, 1))


def test_bibtex_of_a_report_reads_back_as_the_entries_it_cites():
    keys = ["coem", "hie2019coscape", "coem"]
    text = bibliography.bibtex(keys)
    grouped = text.replace("\n}", "\n  keywords = {method},\n}")  # the group is of the repository only
    read = bibliography.parse(grouped)
    assert list(read) == ["coem", "hie2019coscape"]
    for key, one in read.items():
        assert one.text == bibliography.entries()[key].text
    assert "annote" not in text
