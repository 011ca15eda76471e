"""Keys that are there twice, which YAML would pass over."""

from pathlib import Path

import pytest

from panscape.config.yaml import check_yaml
from panscape.errors import UserError

CONFIG = Path(__file__).parents[3] / "config"


def test_key_twice_is_told_with_its_lines(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "seed: 1\nstudies:\n  - id: a\n    obs: {age: t}\n    keep: x > 1\n    obs: {batch: b}\nseed: 2\n"
    )
    with pytest.raises(UserError) as caught:
        check_yaml([path])
    assert [problem.what for problem in caught.value.problems] == [
        "studies[0].obs occurs twice, in lines 4 and 6",
        "seed occurs twice, in lines 1 and 7",
    ]


def test_same_key_in_different_places_is_fine(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &x {b: 1}\nc: {b: 2}\nd: [{b: 3}, {b: 4}]\ne: *x\n")
    check_yaml([path, CONFIG / "demo.yaml", CONFIG / "config.yaml"])


@pytest.mark.parametrize(
    "content, expected", [(b"title: caf\xe9", "is not UTF-8 (byte 10)"), (b"a: [1", "cannot be read")]
)
def test_file_that_is_no_yaml(tmp_path, content, expected):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=str(path)) as caught:
        check_yaml([path])
    assert expected in str(caught.value)


def test_empty_file(tmp_path):
    (tmp_path / "a.yaml").write_text("")
    check_yaml([tmp_path / "a.yaml"])
