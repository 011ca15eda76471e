"""Known networks are paths, or names with paths."""

import pytest

from panscape.config.load import load
from panscape.errors import UserError

STUDY = {"collection": "lab", "studies": [{"id": "a", "path": "a.h5ad"}]}


def networks(*given):
    return load({**STUDY, "overlap": {"networks": list(given)}})["overlap"]["networks"]


def test_paths_are_named_after_their_files():
    assert networks("known/string_human.tsv.gz", {"name": "known", "path": "x.txt"}, {"path": "b.c.tsv"}) == [
        {"name": "string-human", "path": "known/string_human.tsv.gz"},
        {"name": "known", "path": "x.txt"},
        {"name": "b", "path": "b.c.tsv"},
    ]
    again = load({**STUDY, "overlap": {"networks": networks("known/string_human.tsv.gz")}})
    assert again["overlap"]["networks"][0]["name"] == "string-human"


def test_names_that_occur_twice_are_an_error():
    with pytest.raises(UserError, match=r"'string' is also the name of overlap\.networks\[0\]"):
        networks("a/string.tsv", "b/string.tsv")


def test_a_network_needs_a_path():
    with pytest.raises(UserError, match=r"overlap\.networks"):
        networks({"name": "known"})
