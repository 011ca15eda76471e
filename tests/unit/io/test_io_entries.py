"""Entries of Matrix Market files are what the header says, or are refused with file and line."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from panscape.data.readers import entries, mtx
from panscape.data.readers.check import check_study
from panscape.data.readers.entries import Header, Parser, read_header
from panscape.data.readers.open import open_source
from panscape.data.readers.study import Refused
from panscape.errors import UserError

WHERE = "studies[1]"
HEAD = "%%MatrixMarket matrix coordinate {} general\n%\n5 6 {}\n"


def problem(write, lines: list[str], field: str = "integer", count: int | None = None) -> str:
    """Return the message on a matrix with these lines, the same in the check before a run and in reading."""
    (write.folder / "matrix.mtx").write_text(
        HEAD.format(field, len(lines) if count is None else count) + "".join(f"{line}\n" for line in lines)
    )
    (write.folder / "barcodes.tsv").write_text("".join(f"c{i}\n" for i in range(6)))
    (write.folder / "genes.tsv").write_text("".join(f"g{i}\tG{i}\n" for i in range(5)))
    study = {"id": "s", "path": str(write.folder)}
    told = [str(fault) for fault in check_study(study, WHERE, "human")]
    with pytest.raises(UserError) as caught:
        for _ in open_source(study, where=WHERE).blocks():
            pass
    text = str(caught.value)
    assert "matrix.mtx" in text and told and told[0] in text
    return text


@pytest.mark.parametrize(
    "value",
    ["1.9", "0.5", "-0.5", "2.5e1", "1e30", "1,2", "0x10", "5x", "1 7", "", "nan", "1;", "é"],
)
@pytest.mark.parametrize("at", [0, 2, 3])
def test_what_is_no_whole_number_is_told_with_its_line(write, value, at):
    lines = ["1 1 1", "2 1 3", "3 2 2"]
    lines.insert(at, f"4 2 {value}")
    text = problem(write, lines)
    assert f"matrix.mtx: line {4 + at} is '4 2 {value.rstrip()}".rstrip() in text
    assert "not row, column and a whole number" in text


@pytest.mark.parametrize("value", ["9223372036854775808", "99999999999999999999999", "16777217"])
@pytest.mark.parametrize("field", ["integer", "unsigned-integer", "real"])
def test_values_beyond_the_bound(write, value, field):
    text = problem(write, ["1 1 1", f"2 1 {value}"], field)
    assert f"matrix.mtx: line 5 is '2 1 {value}': the value is too large" in text


@pytest.mark.parametrize("line", ["0 1 1", "6 1 1", "1 0 1", "1 7 1", "4294967297 1 1", f"{9**30} 1 1"])
def test_indices_out_of_range(write, line):
    text = problem(write, ["1 1 1", line, "2 2 2"])
    assert f"matrix.mtx: line 5 is '{line}': out of bounds of 5 x 6" in text


@pytest.mark.parametrize("line", ["1.0 1 1", "-1 1 1", "x 1 1", "1 1", "1", "% note"])
def test_lines_of_another_form(write, line):
    assert f"matrix.mtx: line 5 is '{line}', not row, column" in problem(write, ["1 1 1", line, "2 2 2"])


@pytest.mark.parametrize("field", ["complex", "pattern", "integers", ""])
def test_other_kinds_of_matrices(write, field):
    assert "matrix.mtx begins with '%%MatrixMarket matrix coordinate" in problem(write, ["1 1 1"], field)


def test_too_few_and_too_many_lines(write):
    assert "declares 3 entries but has 2" in problem(write, ["1 1 1", "2 1 1"], count=3)
    (write.folder / "matrix.mtx").unlink()
    for name in ("barcodes.tsv", "genes.tsv"):
        (write.folder / name).unlink()
    study = write.mtx_lines(write.triplets())
    number = len(write.triplets())
    path = write.folder / "matrix.mtx.gz"
    text = gzip.decompress(path.read_bytes()).replace(f" {number}\n".encode(), f" {number - 1}\n".encode(), 1)
    path.write_bytes(gzip.compress(text))
    assert f"declares {number - 1} entries but has {number}" in str(check_study(study, WHERE, "human")[0])
    with pytest.raises(UserError, match=f"declares {number - 1} entries but has more"):
        list(open_source(study, where=WHERE).blocks())


@pytest.mark.parametrize("sizes", ["5 6", "5 6 x", "-5 6 1", "5.0 6 1", "5 6 1 1", "1e1 6 1", f"{9**30} 6 1"])
def test_sizes_are_three_numbers(sizes):
    head = f"%%MatrixMarket matrix coordinate integer general\n%\n{sizes}\n1 1 1\n"
    with pytest.raises(Refused, match=r"m\.mtx: line \d is no line with the three sizes"):
        read_header(io.BytesIO(head.encode()), "m.mtx")


def test_header_is_bounded():
    endless = b"%%MatrixMarket matrix coordinate integer general\n" + b"%\n" * 20_000
    with pytest.raises(Refused, match="no line with the three sizes among the first 10001"):
        read_header(io.BytesIO(endless), "m")
    with pytest.raises(Refused, match="no line with the three sizes among the first 2"):
        read_header(io.BytesIO(endless[:49] + b"%" * 20_000 + b"\n5 6 1\n"), "m")


def parse(text: str, field: str = "integer", count: int = 9) -> list[list[float]]:
    parts = Parser(Header(field, 5, 6, count, 3), "m").parse(text.encode(), 0, 3)
    return [part.tolist() for part in parts]


def test_other_ways_to_write_the_same():
    expected = [[0, 4], [1, 5], [3, 70]]
    for text in ("1 2 3\n5 6 70\n", "1\t2\t3\r\n5\t6\t70\r\n", "1  2 3\n5 6  70 \n", "1 2 03\n005 6 70\n"):
        assert parse(text) == expected, text
    assert parse("1 2 3.0\n5 6 7e1\n", "real") == expected
    assert parse("1 2 .5\n5 6 -7.\n", "real") == [[0, 4], [1, 5], [0.5, -7]]
    assert parse("", count=0) == [[], [], []]
    with pytest.raises(Refused, match=r"line 5 is '1 2 1\.2\.3', not row, column and a number"):
        parse("1 2 1.0\n1 2 1.2.3\n", "real")


def test_more_entries_than_declared_are_seen_in_any_chunk():
    parser = Parser(Header("integer", 5, 6, 3, 3), "m")
    parser.parse(b"1 1 1\n2 1 1\n", 0, 3)
    with pytest.raises(Refused, match="declares 3 entries but has more"):
        parser.parse(b"1 1 1\n2 1 1\n", 2, 5)


def test_lines_are_numbered_over_chunks(write, monkeypatch):
    monkeypatch.setattr(mtx, "_CHUNK_BYTES", 13)
    monkeypatch.setattr(entries, "_PIECE", 5)
    assert "line 8 is '5 3 2.5', not row" in problem(write, ["1 1 1", "2 1 1", "1 2 1", "2 3 10", "5 3 2.5"])


def test_a_file_without_ends_of_lines(write):
    study = write.mtx_v3()
    head = HEAD.format("integer", 10).replace("5 6", "31 57").encode()
    for ending in (b"1" * 30_000, b"1 1 1\n" * 9 + b"1" * 30_000):
        (write.folder / "matrix.mtx.gz").write_bytes(gzip.compress(head + ending))
        with pytest.raises(UserError, match=r"matrix\.mtx\.gz has a line longer than 10000 bytes"):
            list(open_source(study, where=WHERE).blocks())


def test_tables_of_names_are_not_read_beyond_the_matrix(write):
    study = write.mtx_v3()
    (write.folder / "barcodes.tsv.gz").write_bytes(gzip.compress(b"ACGT\n" * 1_000_000))
    with pytest.raises(UserError, match="1058 cell and 31 feature names for a matrix of 57 cells"):
        open_source(study, where=WHERE)


@pytest.mark.parametrize(("name", "line", "wrong"), [
    ("features.tsv.gz", 4, ""), ("features.tsv.gz", 2, "ENSG\tGENE"), ("barcodes.tsv.gz", 3, ""),
    ("barcodes.tsv.gz", 2, "ACGT\t1"),
])  # fmt: skip
def test_tables_of_names_have_equal_lines(write, name, line, wrong):
    study = write.mtx_v3()
    lines = gzip.decompress((write.folder / name).read_bytes()).decode().splitlines()
    lines[line - 1] = wrong
    (write.folder / name).write_bytes(gzip.compress("".join(f"{text}\n" for text in lines).encode()))
    with pytest.raises(UserError, match=f"{name}: line {line} is empty, or has another number of fields"):
        open_source(study, where=WHERE)


def test_a_missing_end_of_the_last_line_is_told(write, caplog):
    study = write.mtx_v2()
    for name in ("matrix.mtx", "barcodes.tsv"):
        path = write.folder / name
        path.write_bytes(path.read_bytes().rstrip(b"\n"))
    blocks = [block for _, block in open_source(study, where=WHERE).blocks()]
    np.testing.assert_array_equal(np.vstack([block.toarray() for block in blocks]), write.counts)
    assert "matrix.mtx: no end of line" in caplog.text and "barcodes.tsv: no end of line" in caplog.text
