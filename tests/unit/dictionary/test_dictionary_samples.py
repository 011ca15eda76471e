"""Entries in samples: use told from connectivity, calibration, designs."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scored_study import GENES, MODULES, SIZE, scored_study

from panscape.coscape.cells import MemoryCounts
from panscape.coscape.dictionary.samples import MEASURES, compare_samples, sample_table
from panscape.coscape.dictionary.scores import scores_to_anndata, study_scores
from panscape.plot.programs import plot_changes


def counts_of(seed, coupled, shift, cells, depth):
    """Return counts; module 0 has the given correlation of logarithms and mean, the others .6 and 0."""
    rng = np.random.default_rng([seed, 1])
    base = np.random.default_rng(99).normal(-0.5, 0.5, GENES)
    rng = np.random.default_rng([seed, 2])
    log = np.tile(base, (cells, 1))
    log[:, MODULES * SIZE :] += 2.0  # most counts are from other genes
    for k in range(MODULES):
        part = slice(k * SIZE, (k + 1) * SIZE)
        strength = coupled if k == 0 else 0.6
        shared, own = rng.standard_normal((cells, 1)), rng.standard_normal((cells, SIZE))
        log[:, part] += np.sqrt(strength) * shared + np.sqrt(1 - strength) * own + (shift if k == 0 else 0)
    return rng.poisson(np.exp(log) * depth * np.exp(rng.normal(0, 0.3, (cells, 1))))


def scores_of(coupled, shift, depth, cells=150):
    """Return the table of samples with these properties, all in one cluster."""
    case = scored_study(1, cells=30)
    parts = [
        counts_of(i, c, s, cells, d) for i, (c, s, d) in enumerate(zip(coupled, shift, depth, strict=True))
    ]
    total = cells * len(parts)
    obs = pd.DataFrame(
        {"sample": np.repeat([f"s{i:02d}" for i in range(len(parts))], cells)},
        index=[f"c{i}" for i in range(total)],
    )
    counts = MemoryCounts(sparse.csr_matrix(np.vstack(parts)), obs, pd.DataFrame(index=case.counts.genes))
    members = sparse.csr_matrix(np.ones((1, total)))
    clusters = case.clusters.iloc[:1]
    scores = study_scores(counts, clusters, members, case.saved, "sample")
    data = scores_to_anndata(scores, counts, clusters, case.saved.names)
    assert isinstance(data, anndata.AnnData)
    return sample_table([("study", data)], "sample", [])


GROUP = np.repeat(["control", "treated"], 6)


def compared(table, group=GROUP, **options):
    table = table.assign(
        group=table["sample"].map(dict(zip(sorted(set(table["sample"])), group, strict=True)))
    )
    result = compare_samples(table, ["group"], seed=1, **options)
    return result.set_index(["measure", "entry"])


def test_connectivity_is_told_from_use():
    even = np.ones(12)
    coupling = np.where(GROUP == "control", 0.8, 0.2)
    result = compared(scores_of(coupling, np.zeros(12), even))
    assert result.loc[("connectivity", "entry-01"), "fdr"] < 0.05
    # logarithms of variance 1 and correlation r: counts have (exp(r) - 1) / (exp(1) - 1)
    assert result.loc[("connectivity", "entry-01"), "difference"] == pytest.approx(-0.58, abs=0.15)
    assert result.loc[("activity", "entry-01"), "pvalue"] > 0.05
    result = compared(scores_of(np.full(12, 0.6), np.where(GROUP == "control", 0.0, 0.5), even))
    assert (
        result.loc[("activity", "entry-01"), "fdr"] < 0.05 and result.loc[("level", "entry-01"), "rho"] > 0.8
    )
    assert result.loc[("connectivity", "entry-01"), "pvalue"] > 0.05
    assert (result.loc[[("connectivity", f"entry-0{k}") for k in (2, 3, 4)], "fdr"] > 0.05).all()


def test_connectivity_is_the_planted_correlation_at_any_depth():
    depth = np.repeat([0.7, 3.0], 6)
    table = scores_of(np.full(12, 0.6), np.zeros(12), depth)
    means = table.assign(deep=np.repeat(depth, MODULES)).groupby("deep")["connectivity"].mean()
    assert means.to_numpy() == pytest.approx([0.48, 0.48], abs=0.07)  # of logarithms .6


def made(seed, effect=0.0, donors=12, repeats=1, noise=1.0):
    """Return a table of samples of donors; half of the donors have the condition."""
    rng = np.random.default_rng(seed)
    rows = []
    for donor in range(donors):
        group, own = ("a", "b")[donor % 2], rng.normal(0, noise, (4, 3))
        for repeat in range(repeats):
            values = own + rng.normal(0, 0.3, (4, 3)) + effect * donor
            for k in range(4):
                given = ("study", f"d{donor}-{repeat}", 100, group, f"d{donor}", donor, f"e{k}")
                rows.append((*given, *values[k]))
    columns = ["study", "sample", "n_cells", "group", "donor", "age", "entry", *MEASURES]
    return pd.DataFrame(rows, columns=columns)


def test_pvalues_are_uniform_without_a_difference():
    rates = [
        (compare_samples(made(seed), ["group", "age"], permutations=199, seed=seed)["pvalue"] <= 0.05).mean()
        for seed in range(40)
    ]
    assert 0.03 < np.mean(rates) < 0.07  # of 960 tests


DESIGNS = {
    "three groups": {"column": "third"},
    "a covariate": {"column": "group", "covariates": ["dose"]},
    "three groups and a covariate": {"column": "third", "covariates": ["dose"]},
    "within donors": {"column": "treatment", "block": "donor"},
    "within studies": {"column": "age", "studies": 2},
}


@pytest.mark.parametrize("design", DESIGNS)
def test_pvalues_of_every_design_are_uniform_without_a_difference(design):
    options = dict(DESIGNS[design])
    column, studies = options.pop("column"), options.pop("studies", 1)
    rates = []
    for seed in range(40):
        table = made(seed, repeats=2 if "block" in options else 1)
        age = table["age"]
        table = table.assign(
            study="study-" + (age % studies).astype(str),
            third="g" + (age % 3).astype(str),
            dose=age % 5 * 1.0,
            treatment=np.where(table["sample"].str.endswith("-1"), "yes", "no"),
        )
        tested = compare_samples(table, [column], permutations=199, seed=seed, **options)
        rates.append((tested["pvalue"] <= 0.05).mean())
    assert 0.02 < np.mean(rates) < 0.08  # of 480 tests


def test_samples_of_a_donor_are_one_unit():
    naive, blocked = (
        np.mean(
            [
                (
                    compare_samples(made(s, repeats=4), ["group"], block=block, permutations=199)["pvalue"]
                    <= 0.05
                ).mean()
                for s in range(25)
            ]
        )
        for block in (None, "donor")
    )
    assert naive > 0.2 and blocked < 0.09
    assert compare_samples(made(1, repeats=4), ["group"], block="donor")["n_samples"].eq(12).all()


def test_differences_within_blocks_are_compared_within_them():
    table = made(3, repeats=2, noise=5.0)
    table["treatment"] = np.where(table["sample"].str.endswith("-1"), "yes", "no")
    table.loc[table["treatment"] == "yes", "activity"] += 1.5
    result = compare_samples(table, ["treatment"], block="donor", permutations=500).set_index(
        ["measure", "entry"]
    )
    assert (result.loc["activity", "fdr"] < 0.05).all() and (result.loc["level", "pvalue"] > 0.01).all()
    assert result.loc[("activity", "e0"), "difference"] == pytest.approx(1.5, abs=0.6)
    apart = compare_samples(table, ["treatment"], permutations=500).set_index(["measure", "entry"])
    assert (apart.loc["activity", "pvalue"] > result.loc["activity", "pvalue"]).all()


def test_covariates_explain_away_what_they_cause():
    table = made(5, effect=0.4, donors=20)
    table["older"] = np.where(table["age"] >= 10, "old", "young")
    plain = compare_samples(table, ["older"], permutations=300)
    adjusted = compare_samples(table, ["older"], covariates=["age"], permutations=300)
    assert (plain["pvalue"] < 0.05).mean() > 0.9 and (adjusted["pvalue"] < 0.05).mean() < 0.3


def test_what_cannot_be_tested_is_said(caplog):
    table = made(1).assign(study=lambda t: "s-" + t["group"])
    assert compare_samples(table, ["group", "absent"]).empty
    assert "group is not tested" in caplog.text and "no study has the column 'absent'" in caplog.text
    many = compare_samples(made(1).assign(third=lambda t: t["age"] % 3 * 1.0), ["third"], permutations=100)
    assert (many["kind"] == "number").all()
    text = compare_samples(
        made(1).assign(third=lambda t: "g" + (t["age"] % 3).astype(str)), ["third"], permutations=99
    )
    assert text["kind"].iloc[0] == "g0 / g1 / g2" and text["rho"].between(0, 1).all()


def test_samples_with_few_cells_and_mixed_values_are_left_out():
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {"sample": ["big"] * 30 + ["few"] * 5, "kind": ["a", "b"] * 15 + ["a"] * 5, "sex": "f"}
    )
    obs.index = obs.index.astype(str)
    data = anndata.AnnData(rng.standard_normal((35, 1)), obs=obs, var=pd.DataFrame(index=["e"]))
    data.layers["within"] = data.X
    data.obsm["pair_products"], data.obsm["pair_expected"] = np.full((35, 1), 0.5), np.ones((35, 1))
    table = sample_table([("s", data)], "sample", ["kind", "sex"])
    assert table["sample"].tolist() == ["big"] and table["connectivity"][0] == pytest.approx(0.5)
    assert table["kind"].isna().all() and table["sex"].tolist() == ["f"]


def test_changes_are_drawn():
    table = made(1, effect=0.3)
    changes = compare_samples(table, ["age", "group"], permutations=99)
    programs = pd.DataFrame({"entry": [f"e{k}" for k in range(4)], "top_genes": ["A, B"] * 3 + [np.nan]})
    fig = plot_changes(programs, changes)
    assert len(fig.axes) == 6 and fig.axes[0].get_yticklabels()[0].get_text() == "e0 A, B"
    assert "level, a / b" in fig.axes[3].get_title(loc="left")
    assert "No column" in plot_changes(programs, changes.iloc[:0]).axes[0].texts[0].get_text()
