"""Files whose content is executed, expands without end, or is passed over."""

from pathlib import Path

import pytest

from panscape.config import yaml as checks
from panscape.config.load import load
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


def _bomb(first: str, form: str) -> str:
    return f"a0: &a0 {first}\n" + "".join(
        f"a{at}: &a{at} "
        + form % ", ".join(f"{'' if '[' in form else f'k{n}: '}*a{at - 1}" for n in range(9))
        + "\n"
        for at in range(1, 10)
    )


@pytest.mark.parametrize(
    "content, expected",
    [
        (_bomb("[x]", "[%s]"), "has more than 1,000,000 values, aliases included"),
        (_bomb("{x: 1}", "{%s}"), "has more than 1,000,000 values, aliases included"),
        ("studies: &a [*a]\n", "contains itself"),
        ("studies: &a {b: {c: *a}}\n", "contains itself"),
        (f"seed: {'[' * 150}{']' * 150}\n", "is nested more than 100 levels deep"),
        (f"seed: {'[' * 5000}{']' * 5000}\n", "is nested too deeply"),
        ('{"seed": ' + "[" * 200_000, "is nested too deeply"),
        (
            "a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 60 + "*a" + "]" * 60 + "\n",
            "more than 100 levels",
        ),
        ("seed: 1\n".encode("utf-16"), "is UTF-16, not UTF-8 -> save it as UTF-8, e.g. iconv -f UTF-16"),
        ('{"seed": 1, "a b": 2, "seed": 3}', "seed occurs twice"),
        ("__use_yte__: true\nseed: ?1 + 1\n", "executed as Python code; Snakemake has executed them"),
        ("seed: \0", "cannot be read: unacceptable character"),
    ],
)
def test_attacks(tmp_path, content, expected):
    path = tmp_path / "a.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=str(path)) as caught:
        check_yaml([path])
    assert expected in str(caught.value) and len(str(caught.value)) < 600


def test_template_that_the_user_allows(tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    path.write_text("__use_yte__: true\nseed: ?1 + 1\n")
    with pytest.raises(UserError, match="executed as Python code when Snakemake reads it"):
        check_yaml([path], executed=False)
    monkeypatch.setenv("PANSCAPE_TEMPLATES", "1")
    check_yaml([path])


def test_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "MOST_BYTES", 10)
    (tmp_path / "a.yaml").write_text("seed: 1 # long")
    with pytest.raises(UserError, match="move lists of studies into a samplesheet"):
        check_yaml([tmp_path / "a.yaml"])


def test_json_may_have_tabs(tmp_path):
    (tmp_path / "a.json").write_text('{\n\t"seed": 1,\n\t"limits": {"seed": 2}\n}')
    check_yaml([tmp_path / "a.json"])


def test_configuration_from_elsewhere_that_contains_itself():
    raw: dict = {"collection": "a"}
    raw["studies"] = [raw]
    with pytest.raises(UserError, match="configuration: contains itself"):
        load(raw)
    wide = ["x"] * 9
    for _ in range(9):
        wide = [wide] * 9
    with pytest.raises(UserError, match="configuration: has more than"):
        load({"collection": "a", "studies": wide})


def test_an_alias_used_often_is_fine():
    obs = {"batch": "b"}
    studies = [{"id": f"s{at}", "path": "x.h5ad", "obs": obs} for at in range(300)]
    assert len(load({"collection": "a", "studies": studies})["studies"]) == 300
