"""Names and paths that no file can have, or that Snakemake would not match."""

from __future__ import annotations

import pytest
from snakemake.io import PeriodicityDetector

from panscape.config.load import load
from panscape.data.filter_expression import parse_keep
from panscape.data.labels import id_fault
from panscape.errors import UserError
from panscape.sivae.line_names import file_names


def problems(**changed) -> str:
    study = {"id": "a", "path": "a.h5ad", **changed.pop("study", {})}
    with pytest.raises(UserError) as caught:
        load({"collection": "a", "studies": [study], **changed})
    return str(caught.value)


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"study": {"id": "ab1" * 27}}, "studies[0].id (study 'ab1"),
        ({"collection": "x" * 81}, "collection: found 'xxx"),
        ({"overlap": {"networks": [{"name": "n" * 20, "path": "n.tsv"}]}}, "overlap.networks[0].name: found"),
    ],
)
def test_long_and_periodic_names(changed, expected):
    text = problems(**changed)
    assert expected in text and "write a shorter name (it " in text and len(text) < 400


@pytest.mark.parametrize(
    "name", ["a" * 19, "a" * 20, "ab" * 20, "x" + "abc" * 20, "abcd" * 20, "a" * 21 + "b", "lab1-2019"]
)
def test_names_are_refused_that_snakemake_refuses(name):
    assert bool(id_fault(name)) == bool(PeriodicityDetector().is_periodic(name))


@pytest.mark.parametrize(
    "path, why",
    [
        ("d/" * 2500 + "a.h5ad", "it has 5,006 bytes, at most 4,000 are possible"),
        ("a" * 300, "a name in it has 300 bytes, at most 255 are possible"),
        ("a\0.h5ad", "it has control characters"),
        ("a\ud800.h5ad", "it is not Unicode"),
    ],
)
def test_paths_of_no_file(path, why):
    text = problems(study={"path": path})
    assert f"write a path ({why})" in text and len(text) < 400
    assert "studies[0].metadata.path (study 'a'): found" in problems(study={"metadata": {"path": path}})


def test_lines_whose_names_cannot_be_files():
    with pytest.raises(UserError, match=r"studies\[one\].obs.line: .*201 characters.* -> rename it: line: "):
        file_names({"one": ["x1" * 100 + "b"]})
    with pytest.raises(UserError, match="repeated 24 times"):
        file_names({"one": ["B" * 24]})
    assert file_names({"one": ["b" + "x1c" * 19]})


@pytest.mark.parametrize(
    "text", ["not " * 5000 + "a", "(" * 2000 + "a" + ")" * 2000, "not " * 51 + "a", "(" * 51 + "a"]
)
def test_deep_filters(text):
    with pytest.raises(UserError) as caught:
        parse_keep(text, "studies[0].keep")
    assert "studies[0].keep" in str(caught.value) and len(str(caught.value)) < 600
    assert "are possible" in str(caught.value) or "more than 50 levels" in str(caught.value)


def test_long_flat_filters_are_fine():
    text = " or ".join(f"(t == {at} and not b)" for at in range(300))
    assert len(parse_keep(text, "keep")) == 301
    assert parse_keep("not " * 50 + "a", "keep")[0] == "not"


def test_message_shows_the_place_in_a_long_filter():
    with pytest.raises(UserError) as caught:
        parse_keep("a == 1 and " * 500 + "b = 2 and" + " c == 3 and" * 300, "keep")
    assert "b = 2" in str(caught.value) and len(str(caught.value)) < 500


def test_an_endless_id_does_not_fill_the_message():
    with pytest.raises(UserError) as error:
        load({"collection": "c", "studies": [{"id": "d/" * 3000, "path": "a.h5ad"}]})
    assert "studies[0].id" in str(error.value) and len(str(error.value)) < 1000
