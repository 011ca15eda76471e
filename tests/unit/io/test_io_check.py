"""Everything that can be known to be wrong with a study is told at once, before any work."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import sparse

from panscape.data.readers.check import check_study

WHERE = "studies[1]"


def result(study: dict, **more) -> list[str]:
    return [str(problem) for problem in check_study(study, WHERE, "human", **more)]


def test_a_good_study_has_no_problem(any_study):
    assert result(any_study) == []


def test_a_good_study_with_everything(write):
    study = write.h5ad() | {
        "obs": {"age": {"column": "day", "unit": "days"}, "cell_type": "type"},
        "keep": "plate == 1 and age < 1.5 and not doublet",
        "genes": {"column": "symbol"},
    }
    assert result(study, age_unit="weeks") == []


def test_all_problems_at_once(write):
    study = write.h5ad(sparse.csr_matrix(np.log1p(write.counts))) | {
        "obs": {"age": {"column": "stage"}, "batch": {"column": "plait"}},
        "keep": "plate == 7",
        "genes": {"column": "symbols"},
    }
    problems = result(study)
    keys = [text.partition(" ")[0] for text in problems]
    assert keys == ["studies[1].genes.column"] + [
        f"studies[1].{key}" for key in ("obs.age", "obs.batch", "keep", "counts")
    ]
    assert "none of the 57 cells matches 'plate == 7'" in problems[3]
    assert "logarithmic" in problems[4]
    assert all(f"(study 's', file {study['path']})" in text for text in problems)


@pytest.mark.parametrize("kind", ["csc", "dense", "loom", "tenx_v3", "mtx_v3", "csv", "tsv_genes_in_rows"])
def test_values_that_are_not_counts_are_seen_in_every_format(write, kind):
    write.counts = write.counts - (write.counts == 0)
    text = "\n".join(result(getattr(write, kind)()))
    assert "negative values" in text


def test_keep_is_parsed_without_the_file(tmp_path):
    study = {"id": "s", "url": "https://example.org/a.h5ad", "sha256": "0" * 64, "keep": "a = 1"}
    (problem,) = result(study)
    assert "studies[1].keep" in problem and "write ==" in problem


def test_a_file_that_comes_later_is_no_problem(write):
    study = {"id": "s", "url": "https://example.org/a.h5ad", "sha256": "0" * 64, "path": "not/there/yet"}
    assert result(study) == []
    assert result({"id": "s", "simulated": "early", "path": "not/there/yet"}) == []
    # once it is there it is looked at
    assert "none of the" in result(write.h5ad() | {"simulated": "early", "keep": "plate == 7"})[0]


def test_no_origin():
    assert "no path, url or simulated" in result({"id": "s"})[0]
    assert "studies[1].sha256" in result({"id": "s", "url": "https://example.org/a.h5ad"})[0]


def test_missing_file_is_one_problem(tmp_path):
    (text,) = result({"id": "s", "path": str(tmp_path / "no.csv"), "obs": {"age": "x"}})
    assert "there is no file" in text


def test_truncated_gzip_is_seen_beforehand(write):
    study = write.mtx_lines(write.triplets() * 400)  # the sample does not reach its end
    assert result(study) == []
    path = write.folder / "matrix.mtx.gz"
    os.truncate(path, os.path.getsize(path) - 5)
    assert "truncated" in result(study)[0]


def test_end_of_a_large_gzip_must_be_possible(tmp_path, monkeypatch):
    from panscape.data.readers import check

    monkeypatch.setattr(check, "_READ_WHOLE", 100)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(os.urandom(996) + (5_000).to_bytes(4, "little"))
    check._check_gzip(path)
    for impossible in (10, 2_000_000):
        path.write_bytes(os.urandom(996) + impossible.to_bytes(4, "little"))
        with pytest.raises(OSError, match="ends in the middle"):
            check._check_gzip(path)


def test_sheet_problems_leave_the_other_checks_alone(write):
    study = write.h5ad(sparse.csr_matrix(-write.counts)) | {"metadata": {"path": "nowhere.tsv"}}
    text = result(study)
    assert len(text) == 2 and "metadata.path" in text[0] and "negative" in text[1]
