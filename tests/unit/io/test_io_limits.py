"""Reading is bounded: lines, what gzip unpacks to, and the memory and time of the check before a run."""

from __future__ import annotations

import gzip
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from panscape.config.inputs import check_inputs
from panscape.config.load import load
from panscape.data import limits
from panscape.data.digests import sha256
from panscape.data.download import retrieve
from panscape.data.readers.child import announce, in_child
from panscape.data.readers.open import open_source
from panscape.data.readers.text import open_bytes
from panscape.data.sheets import read_sheet
from panscape.errors import UserError, fail

WHERE = "studies[0]"


@pytest.fixture
def small(monkeypatch):
    """Limits of 1 MB per line, and no free unpacking."""
    monkeypatch.setattr(limits, "FLOOR", 1 << 16)
    monkeypatch.setattr(
        limits, "_current", limits.Limits(line_mb=1, expansion=20, check_memory_gb=0.5, check_minutes=0.02)
    )


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits(expansion=1e6))


def test_limits_are_positive():
    with pytest.raises(UserError, match=r"limits\.line_mb: found 0 -> write a number above 0"):
        limits.Limits(line_mb=0)
    with pytest.raises(UserError, match=r"limits\.check_memory_gb: found inf -> write a number above 0"):
        limits.Limits(check_memory_gb=float("inf"))


def test_limits_of_a_configuration_are_those_of_the_process(monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits())
    before = limits.use_limits({"line_mb": 3})
    assert before == limits.Limits() and limits.limits().line == 3 << 20
    limits.use_limits(None)
    assert limits.limits() == limits.Limits()


def test_gzip_bombs_are_told_in_each_kind_of_text(write, small):
    bomb = gzip.compress(b"0" * 3_000_000)
    for name, study in (("study.csv.gz", {"id": "s", "path": str(write.folder / "study.csv.gz")}),
                        ("barcodes.tsv.gz", write.mtx_v3())):  # fmt: skip
        (write.folder / name).write_bytes(bomb)
        with pytest.raises(UserError, match=r"unpacks to more than 0 MB -> .*limits\.expansion \(now 20\)"):
            open_source(study, where=WHERE)
    with pytest.raises(UserError, match=r"unpacks to more than .*limits\.expansion"):
        read_sheet(str(write.folder / "study.csv.gz"), WHERE)


@pytest.mark.parametrize("packed", [True, False])
def test_long_lines_are_told(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(limits, "_current", limits.Limits(line_mb=1))
    path = tmp_path / "study.csv"
    for text in (b"1," * 700_000, b"a,b\nc," + b"1," * 700_000, b"\n" + b"1," * 700_000 + b"\nx,1\n"):
        path.write_bytes(gzip.compress(text) if packed else text)
        with pytest.raises(UserError, match=r"a line is longer than 1 MB -> .*limits\.line_mb \(now 1\)"):
            open_source({"id": "s", "path": str(path)}, where=WHERE)
        if text.startswith(b"\n"):
            continue  # a sheet without a header
        with pytest.raises(UserError, match=r"a line is longer than 1 MB -> .*limits\.line_mb"):
            read_sheet(str(path), WHERE)


@pytest.mark.parametrize("packed", [True, False])
def test_long_files_of_lines_within_the_limit_are_read(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(limits, "_current", limits.Limits(line_mb=1))
    path = tmp_path / "text"
    text = (b"x" * 900_000 + b"\n") * 4 + b"short\n" * 200_000
    path.write_bytes(gzip.compress(text) if packed else text)
    with open_bytes(path) as handle:
        assert handle.read() == text
    with open_bytes(path) as handle:
        assert sum(1 for _ in handle) == 200_004
    with open_bytes(path) as handle:
        assert b"".join(iter(lambda: handle.read(300_000), b"")) == text


def test_downloads_unpack_within_the_limit(tmp_path, small):
    path = tmp_path / "a.h5ad.gz"
    path.write_bytes(gzip.compress(b"0" * 3_000_000))
    with pytest.raises(UserError, match=r"unpacks to more than 0 MB -> .*limits\.expansion"):
        retrieve(path.as_uri(), sha256(path), tmp_path / "there")
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5ad.gz"]


@pytest.mark.parametrize("text", ['a,b\n"x,1\ny",2\n', 'a,b\n"x"y,1\n', 'a,"b\nx,1\n', "a,b\nx\0,1\n"])
def test_quotes_and_zero_bytes_in_sheets(tmp_path, text):
    (tmp_path / "sheet.csv").write_text(text)
    with pytest.raises(UserError, match=r"sheet\.csv"):
        read_sheet(str(tmp_path / "sheet.csv"), WHERE)


def test_good_quotes_in_sheets(tmp_path):
    (tmp_path / "sheet.csv").write_text('a,b\n"x, ""y""",1\n')
    assert read_sheet(str(tmp_path / "sheet.csv"), WHERE).iloc[0].tolist() == ['x, "y"', "1"]


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (4, "AAAC", '"AAAC', "line 5: the row name"),
        (4, "AAAC", 'A"AAC', "line 5: the row name"),
        (4, "AAAC", "A\0AAC", "line 5: the row name"),
        (4, "AAAC", "\nAAAC", "line 5 is empty"),
        (0, "GENE3", '"GENE3', "unexpected end of data"),
        (0, "GENE3", 'GE"NE3', "1 names of features are empty or have quotes"),
        (0, "GENE3", "GE\0NE3", "1 names of features are empty or have quotes"),
    ],
)
def test_quotes_and_gaps_in_tables(write, line, old, new, message):
    path = Path(write.csv()["path"])
    lines = path.read_text().split("\n")
    lines[line] = lines[line].replace(old, new, 1)
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        for _ in open_source({"id": "s", "path": str(path)}, where=WHERE).blocks():
            pass


def _ends(path: str, how: str) -> str:
    """Announce two files; end this process while the second is read."""
    announce("first", WHERE)
    announce(path, WHERE)
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hang":
        time.sleep(60)
    if how == "memory":
        return str(len(bytearray(3 << 30)))
    if how == "error":
        raise KeyError("ours")
    if how == "problem":
        raise fail(WHERE, "wrong", "right")
    return "done"


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are copied on Linux only")


@linux
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("crash", r"the file cannot be read: HDF5 or another library crashed \(SIGSEGV\)"),
        ("hang", r"the file cannot be read: reading it takes more than 0\.02 minutes"),
        ("memory", r"the file cannot be read: reading it takes more than 0\.5 GB of memory"),
        ("problem", "studies\\[0\\]: wrong -> right"),
    ],
)
def test_what_ends_a_child_is_told(small, how, message):
    start = time.monotonic()
    with pytest.raises(UserError, match=message):
        in_child(_ends, f"{how}.h5ad", how)
    assert time.monotonic() - start < 30


@linux
def test_results_and_errors_of_a_child(now):
    assert in_child(_ends, "x", "") == "done"
    with pytest.raises(RuntimeError, match="KeyError: 'ours'"):
        in_child(_ends, "x", "error")


@linux
def test_the_check_of_a_collection_names_the_file_that_crashes_and_those_that_are_wrong(
    write, monkeypatch, now
):
    from panscape.data.readers.h5ad import H5ad

    study = write.h5ad()
    crashing = write.folder / "crashing.h5ad"
    crashing.write_bytes(Path(study["path"]).read_bytes())
    original = H5ad._read_obs

    def read(self):
        if "crashing" in str(self.path):
            os.kill(os.getpid(), signal.SIGBUS)
        return original(self)

    monkeypatch.setattr(H5ad, "_read_obs", read)
    items = [{"id": "one", "path": str(crashing)}, {"id": "two", "path": study["path"], "obs": {"age": "no"}}]
    with pytest.raises(UserError) as caught:
        check_inputs(load({"collection": "c", "studies": items}))
    text = str(caught.value)
    assert "studies[0].path" in text and "crashing.h5ad" in text and "SIGBUS" in text
    assert "studies[1].obs.age" in text and "no column 'no'" in text


@linux
def test_children_do_not_stay(now):
    for _ in range(3):
        in_child(_ends, "x", "")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_more_memory_than_there_can_be_is_no_limit(monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits(check_memory_gb=1e30))
    assert in_child(len, "abc") == 3
