"""Simulated studies of cell lines: the counts show only the planted effects."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse, stats

from panscape.data.counts import Counts
from panscape.data.gene_sets import read_gene_sets
from panscape.errors import UserError
from panscape.simulate.lines import LinesSettings, lines_from_config, lines_study
from panscape.simulate.write import write_lines, write_lines_truth

SCHEMA = Path(__file__).parents[3] / "workflow/schemas/stages/simulation.yaml"


@pytest.fixture(scope="module")
def drawn():
    return lines_study(LinesSettings("lines", lines=12, cells=400, n_genes=240, depth=8000.0), seed=0)


@pytest.fixture(scope="module")
def counts(drawn):
    return sparse.vstack([block for _, block in drawn.blocks()]).toarray()


def test_defaults_of_the_schema_are_those_of_the_library():
    schema = yaml.safe_load(SCHEMA.read_text())["properties"]["lines"]["items"]["properties"]
    ours = {field.name: field.default for field in dataclasses.fields(LinesSettings) if field.name != "name"}
    assert {key: entry["default"] for key, entry in schema.items() if key != "name"} == ours


def per_line(drawn, counts, module, what):
    """Return (lines,) of a statistic of the log expression of a module's genes, and the phenotype."""
    members = (drawn.genes["module"] == module).to_numpy()
    log = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 8000)[:, members]
    values = []
    for line in drawn.lines["line"]:
        cells = log[(drawn.obs["line"] == line).to_numpy()]
        within = np.corrcoef(cells.T)[np.triu_indices(members.sum(), 1)].mean()
        variance = cells.var(axis=0).mean()
        values.append({"correlation": within, "mean": cells.mean(axis=0), "variance": variance}[what])
    return np.array(values), drawn.lines["phenotype"].to_numpy()


def relative_slope(values, phenotype):
    return np.abs(np.polyfit(phenotype, values, 1)[0]) / values.mean()


def test_the_first_module_loses_its_correlation_only(drawn, counts):
    correlation, y = per_line(drawn, counts, "A", "correlation")
    assert stats.spearmanr(correlation, y)[0] < -0.9
    assert correlation[y.argmin()] > 0.45 and correlation[y.argmax()] < 0.15
    mean, y = per_line(drawn, counts, "A", "mean")
    assert relative_slope(mean.mean(axis=1), y) < 0.03
    variance, y = per_line(drawn, counts, "A", "variance")
    assert relative_slope(variance, y) < 0.15


def test_the_second_module_changes_its_means_only(drawn, counts):
    mean, y = per_line(drawn, counts, "B", "mean")
    # positions within the table alternate between even and odd
    slopes = [stats.spearmanr(one, y)[0] for one in mean.T]
    assert (np.sign(slopes[::2]) == -np.sign(slopes[1::2])).all() and np.abs(slopes).min() > 0.5
    correlation, _ = per_line(drawn, counts, "B", "correlation")
    assert relative_slope(correlation, y) < 0.1


@pytest.mark.parametrize("module", ["C", "D", "E"])
def test_the_others_stay(drawn, counts, module):
    for what in ("correlation", "variance"):
        assert relative_slope(*per_line(drawn, counts, module, what)) < 0.15


def test_written_file(drawn, counts, tmp_path):
    write_lines(drawn, tmp_path / "a.h5ad")
    read = Counts(tmp_path / "a.h5ad")
    assert (read.select().toarray() == counts).all()
    assert read.obs.groupby("line", observed=True).size().eq(400).all()
    assert list(read.obs) == ["line", "phenotype", "group", "depth"] and read.cells.is_unique
    write_lines_truth(drawn, tmp_path / "genes.tsv", tmp_path / "lines.tsv", tmp_path / "sets.gmt")
    truth = pd.read_csv(tmp_path / "genes.tsv", sep="\t")
    sets = read_gene_sets(tmp_path / "sets.gmt")
    assert list(sets) == list("ABCDE") and sets["B"][:2] == ["B01", "B02"] and len(sets["E"]) == 12
    assert truth["role"].value_counts()[["loses", "moves", "stays"]].tolist() == [12, 12, 36]


def test_seed_decides(drawn, counts):
    def first(seed, **changes):
        return next(lines_study(dataclasses.replace(drawn.settings, **changes), seed).blocks())[1]

    one, again, other = first(0), first(0), first(1)
    assert (one != again).nnz == 0 and (one != other).nnz > 0
    assert drawn.lines["phenotype"].tolist() != sorted(drawn.lines["phenotype"])


def test_settings_that_do_not_fit():
    with pytest.raises(UserError, match="20 genes are fewer than the 60 of the modules"):
        LinesSettings("x", n_genes=20)
    with pytest.raises(UserError, match=r"lines\[0\].name: the name 'a' occurs twice"):
        lines_from_config({"studies": [{"name": "a"}], "lines": [{"name": "a"}]})
