"""The user's table of lines: read, checked before the first job, and joined to the lines."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from panscape.config.lines_table import check_table
from panscape.errors import UserError
from panscape.sivae.networks.lines_table import read_lines_table, unmatched, with_table
from panscape.sivae.networks.read import read_lines
from panscape.sivae.networks.run import phenotype_columns
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes

LINES = pd.DataFrame({
    "line": ["d-1", "d-2", "d-3", np.nan], "name": ["d 1", "d 2", "d 3", np.nan], "study": "s", "depth": 9.0,
    "age": [1.0, 2.0, 3.0, np.nan], "status": ["ok", "ok", "too few cells", "unnamed"],
})  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "donors.tsv"
        path.write_text(text.replace(",", "\t"), encoding="utf-8")
        return str(path)

    return write


def test_rows_are_joined_by_the_names_of_the_cells(write, tmp_path, caplog):
    path = write("donor,trait,sex,age\nd 2,5,f,70\nd 1,4,m,NA\n")
    LINES.to_csv(tmp_path / "lines.tsv", sep="\t", index=False)
    lines = read_lines(tmp_path / "lines.tsv", path)
    assert lines["trait"].tolist()[:2] == [4, 5] and lines["sex"].tolist()[:2] == ["m", "f"]
    assert np.isnan(lines["trait"][2]) and lines["depth"].tolist() == [9.0] * 4
    np.testing.assert_array_equal(
        lines["age"], [np.nan, 70, np.nan, np.nan]
    )  # of the table, not of the cells
    assert "no row of 1 of 3 lines, which are not tested: d 3" in caplog.text


def test_the_column_line_is_the_key_wherever_it_is(write):
    table = read_lines_table(write("trait,line\n3,x\n4,y\n"))
    assert list(table.index) == ["x", "y"] and list(table) == ["trait"]


def test_lines_of_the_same_name_are_found_by_their_files(write):
    lines = pd.DataFrame({"line": ["s-a", "t-a", "b"], "name": ["a", "a", "b"], "study": ["s", "t", "s"]})
    path = write("line,trait\ns-a,1\nt-a,2\nb,3\n")
    assert with_table(lines, read_lines_table(path), path)["trait"].tolist() == [1, 2, 3]
    with pytest.raises(UserError, match="no line is called 'a'"):
        with_table(lines, read_lines_table(write("line,trait\na,1\nb,3\n")), path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("line,y\na,1\na,2\n", "a occurs more than once"),
        ("line,y\na,1\n,2\n", "1 rows have no name of a line"),
        ("line,depth\na,1\n", "has a column 'depth' of its own"),
        ("line\na\n", "no line or no trait"),
        ("line,y\n", "no line or no trait"),
        ("line,y\na,1\nb,-inf\nc,inf\n", "y is infinite in b, c"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(write, text, says):
    with pytest.raises(UserError, match=says):
        read_lines_table(write(text))


def test_unknown_names_are_listed_with_the_nearest():
    table = pd.DataFrame({"y": range(8)}, index=["dd1", "b", *"uvwxyz"])
    problems, warnings = unmatched(table, ["d1", "d2", "b"], "t.tsv")
    assert "'dd1' (did you mean 'd1'?)" in problems[0].what and "and 2 more" in problems[0].what
    assert warnings == ["t.tsv has no row of 2 of 3 lines, which are not tested: d1, d2"]


def config_of(path, *, block=None, covariates=(), obs=None):
    networks = {"phenotypes": path, "block": block, "covariates": list(covariates)}
    studies = [{"id": "s", "use": ["sivae"], "obs": {"line": {}} if obs is None else obs}]
    return {"networks": networks, "studies": studies, "sivae": {"line": "line"}}


def seen(*names):
    return [SimpleNamespace(study="s", labels={"line": names})]


def test_the_dry_run_checks_names_blocks_and_covariates(write):
    path = write("line,trait,donor,sex\na,1,p,f\nbb,2,q,m\n")
    problems, warnings = check_table(config_of(path, block="donr", covariates=["sex", "ag"]), seen("a", "b"))
    text = " ".join(map(str, problems))
    assert "networks.block: 'donr' is no column" in text and "did you mean 'donor'?" in text
    assert "networks.covariates[1]: 'ag' is no column" in text and "no line is called 'bb'" in text
    assert len(problems) == 3 and "a, b" not in warnings[0] and "1 of 2 lines" in warnings[0]
    assert check_table(config_of(path, block="donor", covariates=["sex"]), seen("a", "bb")) == ([], [])
    assert check_table(config_of(path), []) == ([], [])  # the file is not there yet
    assert check_table(config_of(write("line,trait\ns,1\n"), obs={}), seen()) == ([], [])  # a study is a line
    problems, _ = check_table(config_of(write("line,y\na,1\na,2\n")), seen("a"))
    assert "more than once" in problems[0].what
    assert check_table(config_of(["age"]), seen("a")) == ([], [])


def test_columns_of_the_table_are_phenotypes_but_blocks_and_covariates(write):
    rows = "\n".join(f"l{at},{at % 3 * 1.5},d{at // 2},{'fm'[at // 2 % 2]}" for at in range(16))
    path = write("line,trait,donor,sex\n" + rows)
    config = config_of(path, block="donor", covariates=["sex"])
    assert phenotype_columns(config) == ["trait"]
    lines = pd.DataFrame(
        {"line": [f"l{at}" for at in range(16)], "name": [f"l{at}" for at in range(16)]}
    ).assign(study="s")
    settings = NetworkSettings.of(config["networks"])
    assert settings.table == path
    joined = with_table(lines, read_lines_table(path), path)
    (phenotype,), _ = read_phenotypes(joined, ["trait"], settings)
    assert phenotype.strata is not None and phenotype.block == "donor"
