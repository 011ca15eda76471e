"""What is said of cells that quality control removed: at once, by later jobs, and before any job."""

import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config.inputs import check_inputs
from panscape.config.load import load
from panscape.config.qc_forecast import expected_losses
from panscape.coscape.panclust.pancluster import pancluster
from panscape.data import digests
from panscape.data.files import write_tsv
from panscape.errors import Problem, UserError, fail
from panscape.preprocess import losses
from panscape.preprocess.limits import lower_limit
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings

WORKFLOW = Path(__file__).parents[3] / "workflow"


def matrix_of(genes_per_cell, n_genes=600, seed=0):
    rng = np.random.default_rng(seed)
    dense = np.zeros((len(genes_per_cell), n_genes), dtype=np.float32)
    for row, count in zip(dense, genes_per_cell, strict=True):
        row[rng.choice(n_genes, int(count), replace=False)] = rng.integers(1, 4, int(count))
    return sparse.csr_matrix(dense)


def run(path, matrix, study="larva", keep=None, **limits):
    obs = pd.DataFrame(index=[f"c{at}" for at in range(matrix.shape[0])])
    genes = pd.Index([f"G{at}" for at in range(matrix.shape[1])])
    settings = QcSettings(**{"max_mito": 1, **limits})
    return qc([(slice(0, len(obs)), matrix.copy())], obs, genes, path, settings, study=study, keep=keep)


@pytest.fixture(scope="module")
def shallow():
    """A study of 340 cells with a median of 48 genes, two of them with 550."""
    rng = np.random.default_rng(5)
    genes = np.r_[np.full(2, 550), np.clip(np.exp(rng.normal(np.log(48), 0.4, 338)), 15, 200).astype(int)]
    genes[2:] += 48 - int(np.median(genes))
    return matrix_of(genes)


def test_the_log_says_what_was_removed(tmp_path, shallow, caplog):
    with caplog.at_level("INFO", logger="panscape"), pytest.raises(UserError):
        run(tmp_path / "c.h5ad", shallow, min_genes=500)
    assert "larva: kept 2 of 340 cells; min_genes 500 removed 338; median 48 genes a cell" in caplog.text


def test_a_limit_that_the_cells_decide_is_said_even_if_it_removes_none(tmp_path, shallow):
    text = losses.sentence(run(tmp_path / "c.h5ad", shallow).table.to_dict("records"))
    limit = lower_limit(np.diff(shallow.indptr))
    assert f"; min_genes {limit} (auto) removed " in text and text.endswith("; median 48 genes a cell")


def test_keep_is_told_apart(tmp_path, shallow):
    table = run(tmp_path / "c.h5ad", shallow, keep=np.arange(340) < 100, min_genes=40).table.to_dict(
        "records"
    )
    removed = next(row["removed"] for row in table if row["filter"] == "min_genes")
    text = losses.sentence(table)
    assert text.startswith(
        f"kept {100 - removed} of 100 cells (keep chose them from 340); min_genes 40 removed"
    )
    assert losses.fraction_lost(table) == removed / 100


def test_the_limit_at_fault_is_named_and_its_advice_leads_on(tmp_path, shallow):
    """Two cells are left, no gene is in three of them: not min_cells_per_gene is to change."""
    with pytest.raises(UserError) as caught:
        run(tmp_path / "c.h5ad", shallow, min_genes=500)
    text = str(caught.value)
    assert "study 'larva', preprocess.min_genes: no gene is left: the most frequent one is in" in text
    assert "write qc: {min_genes: auto} (or a number up to about" in text and "min_cells_per_gene" not in text
    number = int(text.rsplit("up to about ", 1)[1].rstrip(")"))
    for limit in ("auto", number):
        assert run(tmp_path / "c.h5ad", shallow, min_genes=limit).table["left"].iloc[5] > 320


def test_genes_that_are_really_rare_are_named(tmp_path):
    with pytest.raises(UserError, match=r"min_cells_per_gene: no gene is left.*set it to at most 1, from 3"):
        run(tmp_path / "c.h5ad", sparse.csr_matrix(np.eye(12, dtype=np.float32)), min_genes=1)


def test_max_limits_are_advised_too(tmp_path):
    matrix = matrix_of(np.full(30, 60), n_genes=100)
    with pytest.raises(UserError) as caught:
        run(tmp_path / "c.h5ad", matrix, max_mito=0.05, mito_pattern="^G[0-4].?$")
    value = float(str(caught.value).rsplit("write qc: {max_mito: ", 1)[1].rstrip("}"))
    made = run(tmp_path / "c.h5ad", matrix, max_mito=value, mito_pattern="^G[0-4].?$")
    assert made.table["left"].iloc[5] >= 28


def tables(tmp_path, shallow, **limits):
    """Write the table of a study whose quality control left few cells, as the workflow does."""
    result = run(tmp_path / "c.h5ad", shallow, min_cells_per_gene=0, **limits)
    write_tsv(result.table, tmp_path / "results/x/preprocess/larva/qc.tsv")
    return losses.read_tables(tmp_path / "logs/x/panclust/larva/find_panclusters.log", ["larva"])


def test_a_later_error_quotes_the_study_and_puts_its_limit_first(tmp_path, shallow):
    rows = tables(tmp_path, shallow, min_genes=500)
    with pytest.raises(UserError) as caught:
        pancluster(str(tmp_path / "c.h5ad"), ["G1", "G2", "G3"], {"min_cells": 50}, 0, study="larva")
    text = str(losses.explained(caught.value, rows))
    assert (
        "[quality control of larva: kept 2 of 340 cells; min_genes 500 removed 338; median 48 genes" in text
    )
    first, second = text.split("-> ")[1].split("; if these cells are rightly left out, ")
    assert first.startswith("in the entry of study 'larva' write qc: {min_genes: auto}")
    assert second.startswith("write at most 2")


def test_a_later_error_is_left_alone_where_little_was_removed_or_cells_are_no_matter(tmp_path, shallow):
    rows = tables(tmp_path, shallow, min_genes=10)
    few = losses.explained(fail("panclust.min_cells", "too few", "lower it", few=True), rows)
    assert str(few).endswith("; median 48 genes a cell] -> lower it")
    other = fail("landscape.root", "no such cluster", "write none")
    assert losses.explained(other, rows) is other
    assert losses.explained(few, []) is few


def test_tables_are_sought_beside_the_logs(tmp_path, shallow):
    tables(tmp_path, shallow, min_genes=10)
    log = tmp_path / "logs/x/landscape/build_landscape.log"
    for names in (["larva"], ["pooled"], []):
        assert [rows[0]["study"] for rows in losses.read_tables(log, names)] == ["larva"]
    assert losses.read_tables(tmp_path / "elsewhere.log") == []
    assert losses.read_tables(tmp_path / "logs/other/landscape/x.log") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("larva", "adult"),  # whole as a table, but not what was written
        lambda text: text.rpartition("\t")[0],
        lambda text: text + "one field more\t" * 40,
        lambda text: "\0" + text,
        lambda text: "",
    ],
)
def test_damaged_tables_explain_nothing(tmp_path, shallow, damage):
    tables(tmp_path, shallow, min_genes=10)
    log, path = tmp_path / "logs/x/landscape/a.log", tmp_path / "results/x/preprocess/larva/qc.tsv"
    assert losses.read_tables(log, ["larva"])
    digests.write(path, digests.Digest.of(path))
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert losses.read_tables(log, ["larva"]) == []


SCRIPT = """
import sys
from types import SimpleNamespace
sys.path.insert(0, {library!r})
from panscape.pipeline import job
from panscape.errors import fail
given = ["results/x/preprocess/larva/counts.h5ad", "results/x/preprocess/genes.tsv"]
log = ["logs/x/sivae/plan_lines.log"]
parts = {{"wildcards": {{"collection": "x"}}, "config": {{}}, "output": [], "rule": "plan_lines"}}
job.begin(SimpleNamespace(log=log, input=given, **parts))
raise fail("sivae.min_cells", "no line has 50 cells", "lower it", few=True)
"""


def test_every_script_quotes(tmp_path, shallow):
    tables(tmp_path, shallow, min_genes=500)
    (tmp_path / "logs/x/sivae").mkdir(parents=True)
    script = SCRIPT.format(library=str(WORKFLOW))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    for text in (done.stderr, (tmp_path / "logs/x/sivae/plan_lines.log").read_text()):
        assert "no line has 50 cells [quality control of larva: kept 2 of 340 cells" in text


def test_a_table_with_other_words_hides_no_error(tmp_path, shallow):
    tables(tmp_path, shallow, min_genes=500)
    path = tmp_path / "results/x/preprocess/larva/qc.tsv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([head, *("\t".join("?" for _ in row.split("\t")) for row in rows)]) + "\n")
    (tmp_path / "logs/x/sivae").mkdir(parents=True)
    script = SCRIPT.format(library=str(WORKFLOW))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "no line has 50 cells -> lower it" in done.stderr


def test_scripts_do_not_load_quality_control_for_that():
    code = f"import sys; sys.path.insert(0, {str(WORKFLOW)!r}); import panscape.pipeline.job; "
    code += "assert not {'panscape.preprocess.qc', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def collection(tmp_path, matrix, obs, study=None, **sections):
    names = [f"c{at}" for at in range(matrix.shape[0])]
    var = pd.DataFrame(index=[f"G{at}" for at in range(matrix.shape[1])])
    anndata.AnnData(matrix, pd.DataFrame(obs, index=names), var).write_h5ad(tmp_path / "in.h5ad")
    one = {"id": "panel", "path": str(tmp_path / "in.h5ad"), "obs": {"line": "line"}, **(study or {})}
    return load({"collection": "x", "studies": [one], "landscape": {"root": "none"}, **sections})


def expected(config, **limits):
    config["preprocess"] |= limits
    return expected_losses(config, "panel")


def test_a_study_that_will_lose_most_cells_is_told_before_the_run(tmp_path, shallow):
    config = collection(tmp_path, shallow, {"line": "one"})
    (problem,) = expected(config, min_genes=500)
    assert problem.where == "preprocess.min_genes"
    message = (
        "most cells of panel will be removed: kept 2 of 340 cells; min_genes 500 removed 338; median 48 genes"
    )
    assert problem.what.startswith(message)
    number = int(problem.fix.rsplit("up to about ", 1)[1].rstrip(")"))
    assert not expected(config, min_genes="auto") and not expected(config, min_genes=number)
    # limits of the study itself count
    config["studies"][0]["qc"] = {"min_genes": "auto"}
    assert not expected(config, min_genes=500)


def test_lines_that_will_lose_most_cells_are_told(tmp_path):
    lines = np.repeat([f"donor{at}" for at in range(8)], 40)
    genes = np.repeat(np.linspace(450, 590, 8).astype(int), 40)
    config = collection(tmp_path, matrix_of(genes), {"line": lines})
    (problem,) = expected(config, min_genes=500)
    message = "3 of 8 lines of panel will lose more than half of their cells "
    message += "(donor0 100 %, donor1 100 %, donor2 100 %)"
    assert (
        problem.what.startswith(message) and "kept 0 of 120 cells; min_genes 500 removed 120" in problem.what
    )
    assert not expected(config, min_genes="auto")
    config["studies"][0]["keep"] = "line == 'donor7'"
    assert not expected(config, min_genes=500)


def test_a_large_file_is_looked_at_in_parts(tmp_path, shallow, monkeypatch):
    from panscape.config import qc_forecast

    monkeypatch.setattr(qc_forecast, "VALUES", shallow.nnz // 3)
    config = collection(tmp_path, shallow, {"line": "one"})
    (problem,) = expected(config, min_genes=500)
    seen = int(problem.what.rsplit("(of ", 1)[1].split()[0])
    assert 64 <= seen < 200


def test_the_configuration_warns_and_preflight_lists_it(tmp_path, shallow, caplog):
    from panscape.pipeline.preflight import checks
    from panscape.pipeline.preflight.checks import concerns

    config = collection(
        tmp_path, shallow, {"line": "one"}, preprocess={"min_genes": 500}, panclust={"min_cells": 9}
    )
    with caplog.at_level("WARNING", logger="panscape"):
        warnings = check_inputs(config)
    assert any("most cells of panel will be removed" in text for text in warnings)
    assert "most cells of panel will be removed" in caplog.text
    size = {"panel": checks.inputs.size(config, "panel")}
    problems = concerns(config, size, [], machine_mb=1e5, free_mb=1e5)
    assert [problem.where for problem in problems].count("preprocess.min_genes") == 1


def test_problems_are_equal_whatever_few_says_of_them_is_part_of_them():
    assert Problem("a", "b", "c") != Problem("a", "b", "c", few=True)
    assert str(Problem("a", "b", "c", few=True)) == "a: b -> c"
