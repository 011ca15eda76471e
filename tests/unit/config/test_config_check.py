"""The check of configuration files without Snakemake, which executes nothing in them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from panscape.config.check import main, read
from panscape.errors import UserError


@pytest.fixture
def study(tmp_path):
    counts = np.random.default_rng(0).poisson(3, (40, 30)).astype(np.float32)
    ad.AnnData(sparse.csr_matrix(counts)).write_h5ad(tmp_path / "a.h5ad")
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"collection: mine\nstudies: [{{id: a, path: {tmp_path / 'a.h5ad'}}}]\n"
        "species: other\nlandscape: {root: none}\npreprocess: {min_genes: 0}\n"
    )
    return path


def test_good_file_is_summarised(study, capsys):
    assert main([str(study)]) == 0
    shown = capsys.readouterr().out
    assert "mine.yaml: no problems, 1 studies" in shown and "40" in shown


def test_missing_file_of_a_study_and_a_wrong_key(study, capsys):
    study.write_text(study.read_text().replace("a.h5ad", "gone.h5ad"))
    assert main([str(study)]) == 1
    assert "gone.h5ad" in capsys.readouterr().err
    study.write_text("sede: 1\n")
    assert main([str(study)]) == 1
    assert "did you mean 'seed'?" in capsys.readouterr().err


def test_template_is_not_executed(study, tmp_path, capsys):
    made = tmp_path / "made"
    study.write_text(f"__use_yte__: true\nseed: ?open({str(made)!r}, 'w').close()\n")
    assert main([str(study)]) == 1
    assert "executed as Python code when Snakemake reads it" in capsys.readouterr().err
    assert not made.exists()


def test_later_files_overwrite_earlier_ones_as_in_snakemake(tmp_path):
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    (tmp_path / "a.yaml").write_text("seed: 1\nlimits: {line_mb: 2, expansion: 3}\npreset: best\n")
    (tmp_path / "b.json").write_text('{\n\t"limits": {"line_mb": 5},\n\t"preset": {"x": [1]}}')
    paths = [tmp_path / "a.yaml", tmp_path / "b.json"]
    merged: dict = {}
    for path in paths:
        update_config(merged, load_configfile(path))
    assert read(paths) == merged
    assert merged["limits"] == {"line_mb": 5, "expansion": 3}


@pytest.mark.parametrize(
    "content, expected",
    [("a: !!python/name:os.system", "could not determine"), ("a: 2020-13-45", "month"), ("[a]", "no keys")],
)
def test_content_that_is_no_configuration(tmp_path, content, expected):
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(UserError, match=expected):
        read([tmp_path / "a.yaml"])
