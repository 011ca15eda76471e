"""Lines of equal depth: what is thinned, and what this does to genes whose networks do not change."""

from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.data.thinning import thin
from panscape.errors import UserError
from panscape.simulate.donors import DonorsSettings, donors_study
from panscape.sivae.baselines import pca
from panscape.sivae.bins import Bin
from panscape.sivae.collection import job_cells
from panscape.sivae.depth import kept_fractions, thinned_depths
from panscape.sivae.job import read_bins
from panscape.sivae.line_summary import fractions, summarise
from panscape.sivae.lines import LineSettings, plan_lines
from panscape.sivae.networks.centrality import associate_genes
from panscape.sivae.networks.confounding import confounding_rows
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.sivae.values import ValueSettings

SETTINGS = LineSettings(min_cells=10, halves=False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def cells_of(**depths):
    """Return the cells of lines, 40 each, of the given depths."""
    line = np.repeat(list(depths), 40)
    counts = np.repeat(list(depths.values()), 40) * np.tile(np.linspace(0.5, 1.5, 40), len(depths))
    index = [f"cell{at}" for at in range(len(line))]
    return pd.DataFrame({"line": line, "n_counts": counts, "n_genes": counts / 2}, index=index)


def test_thinned_counts_are_binomial(rng):
    counts = sparse.csr_matrix(np.tile([[20.0, 0.0, 200.0]], (4000, 1)))
    totals = np.full(4000, 1000.0)
    few, left = thin(counts, totals, 0.3, rng)
    dense = few.toarray()
    np.testing.assert_allclose(dense.mean(axis=0), [6, 0, 60], rtol=0.03)
    np.testing.assert_allclose(dense.var(axis=0), [4.2, 0, 42], rtol=0.08)
    assert left.mean() == pytest.approx(300, rel=0.01) and left.var() == pytest.approx(210, rel=0.1)
    assert (dense == np.rint(dense)).all() and (few.data > 0).all()
    same, whole = thin(counts, totals, 1.0, rng)
    assert same is counts and (whole == totals).all()
    for fraction in (0.0, 1.1):
        with pytest.raises(ValueError, match="not in"):
            thin(counts, totals, fraction, rng)


def test_fractions_of_counts_are_rounded_without_bias(rng):
    counts = sparse.csr_matrix(np.full((5000, 1), 2.4))
    few, _ = thin(counts, np.full(5000, 2.4), 0.5, rng)
    assert few.sum() / 5000 == pytest.approx(1.2, rel=0.03)


def test_lines_are_thinned_to_the_shallowest():
    plan = plan_lines({"s": cells_of(a=1000.0, b=4000.0, c=2000.0)}, SETTINGS, 0)
    assert plan.lines["thinned_to"].tolist() == [1000.0] * 3 and plan.lines["detected"].tolist() == [
        500,
        2000,
        1000,
    ]
    assert kept_fractions(plan.lines) == {"a": 1.0, "b": 0.25, "c": 0.5}
    off = plan_lines({"s": cells_of(a=1000.0, b=4000.0)}, LineSettings(min_cells=10, equal_depth=False), 0)
    assert off.lines["thinned_to"].isna().all() and kept_fractions(off.lines) == {}


def test_lines_that_are_too_shallow_are_named_and_get_no_model(caplog):
    obs = cells_of(a=1000.0, b=4000.0, c=3000.0, d=100.0)
    plan = plan_lines({"s": obs}, SETTINGS, 0)
    lines = plan.lines.set_index("line")
    assert lines["status"].tolist() == ["ok", "ok", "ok", "too shallow"]
    assert lines["thinned_to"].tolist()[:3] == [1000.0] * 3 and pd.isna(lines.loc["d", "thinned_to"])
    assert (
        "d" not in set(plan.cells["line"])
        and lines.loc["d", "job"] == ""
        and lines.loc["d", "discarded"] == 40
    )
    assert "line d has 100 counts per cell, too few (400): no model" in caplog.text
    chosen = plan_lines({"s": obs}, LineSettings(min_cells=10, min_depth=50), 0).lines
    assert (chosen["status"] == "ok").all() and chosen["thinned_to"].iloc[0] == 100
    with pytest.raises(UserError, match="the deepest has 4000"):
        plan_lines({"s": obs}, LineSettings(min_cells=10, min_depth=9000), 0)


def test_log_values_are_not_thinned(caplog):
    plan = plan_lines({"s": cells_of(a=10.0, b=40.0)}, SETTINGS, 0, logged=["s"])
    assert plan.lines["thinned_to"].isna().all() and "log values" in caplog.text


@pytest.fixture
def deep_and_shallow(tmp_path, rng):
    """Two lines of the same cells at depths of about 1800 and 450."""
    rates = rng.gamma(2.0, 5.0, (40, 30))
    counts = np.vstack([rng.poisson(4 * rates), rng.poisson(rates)]).astype(np.float32)
    obs = pd.DataFrame(
        {"line": np.repeat(["deep", "shallow"], 40), "n_counts": 1.5 * counts.sum(axis=1)},
        index=[f"cell{at}" for at in range(80)],
    )
    var = pd.DataFrame(index=[f"g{at}" for at in range(30)])
    anndata.AnnData(sparse.csr_matrix(counts), obs, var).write_h5ad(tmp_path / "counts.h5ad")
    return tmp_path / "counts.h5ad", obs, list(var.index)


def test_what_cannot_be_thinned_is_modelled_once():
    tables, twice = {"s": cells_of(a=1000.0, b=4000.0)}, replace(SETTINGS, thinnings=2)
    counts = {
        what: len(plan_lines(tables, settings, 0, logged=logged).cells)
        for what, settings, logged in (
            ("thinned", twice, ()),
            ("logged", twice, ("s",)),
            ("as they are", replace(twice, equal_depth=False), ()),
        )
    }
    assert counts["thinned"] == 2 * counts["logged"] == 2 * counts["as they are"]


def test_models_see_cells_of_equal_depth(deep_and_shallow):
    path, obs, genes = deep_and_shallow
    plan = plan_lines({"s": obs}, LineSettings(min_cells=10, halves=False, thinnings=2), 0)
    assert plan.lines["n_bins"].tolist() == [1, 1]
    cells = job_cells(plan.lines, plan.cells, "job-0")
    depth = thinned_depths(plan.lines)
    settings = ValueSettings(likelihood="nb")
    read = lambda **options: read_bins(cells, {"s": path}, genes, settings, 0, **options)  # noqa: E731
    thinned = {
        (item.bin.line, item.bin.name): item
        for item in read(fractions=kept_fractions(plan.lines), depth=depth)
    }
    assert list(thinned) == [("deep", "0"), ("deep", "0-copy-1"), ("shallow", "0"), ("shallow", "0-copy-1")]
    sums = {key: np.median(item.bin.values.sum(axis=1)) for key, item in thinned.items()}
    assert sums["deep", "0"] == pytest.approx(sums["shallow", "0"], rel=0.1)
    assert thinned["deep", "0"].scaling.target == depth["deep"]
    first, again = thinned["deep", "0"], thinned["deep", "0-copy-1"]
    assert (first.cells == again.cells).all() and (first.bin.values != again.bin.values).any()
    np.testing.assert_array_equal(first.bin.test, again.bin.test)
    assert (thinned["shallow", "0"].bin.values == thinned["shallow", "0-copy-1"].bin.values).all()
    whole = {(item.bin.line, item.bin.name): item for item in read()}
    assert np.median(whole["deep", "0"].bin.values.sum(axis=1)) > 3 * sums["deep", "0"]
    same = {
        (item.bin.line, item.bin.name): item
        for item in read(fractions=kept_fractions(plan.lines), depth=depth)
    }
    np.testing.assert_array_equal(same["deep", "0"].bin.inputs, first.bin.inputs)


def called(study, thinned):
    """Return the number of called genes by role, of PCA models on cells as they are or of equal depth."""
    counts = sparse.vstack([block for _, block in study.blocks()], format="csr")
    totals, line = np.asarray(counts.sum(axis=1)).ravel(), study.obs["line"].astype(str).to_numpy()
    depth = {name: np.median(totals[line == name]) for name in study.samples["line"]}
    rng, least = np.random.default_rng(1), min(depth.values())
    columns, means = [], []
    for name, own in depth.items():
        part, total = thin(counts[line == name], totals[line == name], least / own if thinned else 1.0, rng)
        log = np.log1p(part.toarray() / total[:, None] * least)
        scaled = ((log - log.mean(axis=0)) / np.maximum(log.std(axis=0), 1e-9)).astype(np.float32)
        fitted = pca(Bin(name, "0", scaled, np.zeros(len(scaled), bool)), 8)
        columns.append(1 - np.square(scaled - fitted.predict()).mean(axis=0))
        means.append(log.mean(axis=0))
    phenotype, _ = read_phenotype(study.samples["trait"])
    table, _ = associate_genes(
        np.stack(columns, axis=1),
        phenotype,
        {"mean": np.stack(means, axis=1)},
        study.genes["gene"],
        permutations=0,
    )
    return (table["call"] == "connectivity").groupby(study.genes["role"]).sum()


def test_depth_that_follows_the_trait_is_not_taken_for_connectivity():
    settings = DonorsSettings(
        donors=16, cells=200, n_genes=200, connects=20, moves=20, stays=20, depth_rho=0.99
    )
    study = donors_study(settings, seed=4)
    raw, thinned = called(study, False), called(study, True)
    assert raw["plain"] + raw["stays"] > 15
    assert thinned["connects"] >= 16 and thinned["moves"] <= 1 and thinned["plain"] + thinned["stays"] <= 4


def test_what_follows_the_phenotype_is_told_with_what_was_done(rng):
    depth = np.arange(500.0, 1500.0, 100)
    lines = pd.DataFrame({
        "y": rng.permutation(10) * 0.0 + np.arange(10), "depth": depth, "detected": rng.permutation(depth),
        "n_cells": depth[::-1], "thinned_to": np.nan, "bin_cells": 100,
    })  # fmt: skip
    lines["detected"] = [5, 1, 9, 4, 8, 3, 7, 2, 6, 5.5]
    phenotype, _ = read_phenotype(lines["y"])
    rows = {row["statistic"]: row for row in confounding_rows(lines, [phenotype])}
    assert list(rows) == ["depth", "number of cells"] and rows["number of cells"]["value"] == -1
    assert "nothing was done" in rows["depth"]["status"]
    assert "every model has 100 cells" in rows["number of cells"]["status"]
    lines = lines.assign(thinned_to=500.0, bin_cells=depth)
    status = [row["status"] for row in confounding_rows(lines, [phenotype])]
    assert "thinned to 500 counts" in status[0] and "set sivae.bin_cells" in status[1]
    assert "a control" in confounding_rows(lines, [phenotype], controls=["depth"])[0]["status"]
    assert stats.spearmanr(lines["detected"], lines["y"])[0] < 0.5


def test_uneven_quality_control_is_told():
    kept = pd.DataFrame({
        "study": ["s", "s"], "column": ["y", "z"], "unit": "line", "n": 8, "lowest": "l1",
        "lowest_fraction": 0.5, "highest": "l8", "highest_fraction": 0.9, "rho": [0.8, 0.9], "pvalue": 0.01,
        "uneven": [True, False],
    })  # fmt: skip
    lines = pd.DataFrame({"y": np.arange(8.0)})
    rows = confounding_rows(lines, [read_phenotype(lines["y"])[0]], kept=kept)
    assert len(rows) == 1 and "kept by quality control follows y (rho 0.80, study s)" in rows[0]["status"]


def test_composition_that_follows_the_phenotype_is_told(rng):
    share = np.linspace(0.1, 0.9, 12)
    cells = [
        pd.DataFrame(
            {"n_counts": 9.0, "cell_type": ["B"] * round(100 * one) + ["T"] * round(100 - 100 * one)}
        )
        for one in share
    ]
    lines = pd.DataFrame([summarise(one, [], "cell_type") for one in cells]).assign(y=np.arange(12.0))
    np.testing.assert_allclose(fractions(lines["composition"])["B"], share, atol=0.006)
    phenotype, _ = read_phenotype(lines["y"])
    (row,) = confounding_rows(lines, [phenotype])
    assert "cells follows y (rho" in row["status"] and "name the types in sivae.within" in row["status"]
    divided = lines.assign(within="lymphocyte")
    assert "name finer types" in confounding_rows(divided, [phenotype])[0]["status"]
    mixed = lines.assign(composition=lines["composition"].to_numpy()[rng.permutation(12)])
    assert confounding_rows(mixed, [phenotype]) == []
    assert summarise(cells[0], [], "none")["composition"] == ""
    assert confounding_rows(lines.assign(composition=""), [phenotype]) == []
