"""Repeated samples of donors: which are the samples of a test, what is exchanged, and the level of tests."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.sivae.networks.associate import associate, residual_scale
from panscape.sivae.networks.centrality import associate_genes
from panscape.sivae.networks.covariates import usable_lines, with_covariates
from panscape.sivae.networks.edge_groups import group_edges
from panscape.sivae.networks.edge_table import EdgeTable
from panscape.sivae.networks.edges import associate_edges, associate_sets
from panscape.sivae.networks.effects import effects
from panscape.sivae.networks.ends import end_lines
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import described, read_phenotypes, undecidable

PAIRS = pd.Series(np.repeat(list("abcde"), 2), name="donor")
SWAPS = pd.Series(["untreated", "treated"] * 5, name="treatment")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def blocked(values, donors, **options):
    column = values if isinstance(values, pd.Series) else pd.Series(values, name="y")
    donors = donors if isinstance(donors, pd.Series) else pd.Series(donors, name="donor")
    phenotype, reason = read_phenotype(column, blocks=donors, **options)
    assert reason == "", reason
    return phenotype


def test_a_trait_of_donors_is_tested_on_donors():
    donors = list("aabbbcdeeffg")
    values = [{"a": 1.0, "b": 5, "c": 2, "d": 9, "e": 3, "f": 8, "g": 7}[one] for one in donors]
    phenotype = blocked(values, donors)
    assert phenotype.n == 7 and phenotype.unit == "donor" and phenotype.strata is None
    assert phenotype.values.tolist() == [1, 5, 2, 9, 3, 8, 7] and phenotype.arrangements == 5040
    assert [end.tolist() for end in end_lines(phenotype)] == [[0, 1, 5, 7], [6, 9, 10, 11]]
    x = np.arange(24.0).reshape(2, 12)
    np.testing.assert_allclose(phenotype.of_units(x)[0], [0.5, 3, 5, 6, 7.5, 9.5, 11])
    np.testing.assert_allclose(phenotype.weights @ x.T, phenotype.of_units(x).T)
    kernel = phenotype.kernel(x.T @ x)
    np.testing.assert_allclose(kernel, phenotype.of_units(x).T @ phenotype.of_units(x))
    assert "permuted over 7 whole blocks (donor)" in described(phenotype)


def test_a_condition_is_exchanged_within_donors():
    phenotype = blocked(SWAPS, PAIRS)
    assert phenotype.groups == ("untreated", "treated") and phenotype.n == 10 and phenotype.unit == "line"
    assert phenotype.arrangements == 32 and phenotype.smallest_pvalue == 0.0625
    assert "within 5 blocks (donor); smallest attainable p 0.062" in described(phenotype)
    assert "5 blocks (donor) the smallest p is 0.062" in undecidable(phenotype, 0.05)


def test_donors_with_one_value_say_nothing_about_a_difference_within():
    donors = pd.Series([*PAIRS, "f", "g", "g"], name="donor")
    phenotype = blocked([*SWAPS, "treated", "treated", "treated"], donors)
    assert phenotype.known.sum() == 10 and phenotype.arrangements == 32


def test_single_samples_are_tested_as_without_blocks():
    values, donors = np.arange(8.0), pd.Series([*"abcdefg", None], name="donor")
    phenotype = blocked(values, donors)
    assert phenotype.owner is None and phenotype.strata is None and phenotype.n == 8


@pytest.mark.parametrize(
    ("values", "donors", "reason"),
    [
        (list("fffffffm"), list("abcdefgh"), "a group has one line ('m')"),
        (list("ffffffffmmm"), list("abcdefghiii"), "a group has one donor ('m'): its effect is that of the"),
        (list("uv" * 4 + "uw"), list("aabbccddee"), "a group has one donor ('w')"),
        (list("uvuuuuuu"), list("aabcdefg"), "2 lines have a value"),
        (list("uvuvuv"), list("aaaaaa"), "only one donor has several values"),
        (list("uuvvuuvvuu"), list("aabbccddee"), "5 donors have a value, networks.min_lines is 6"),
    ],
)  # fmt: skip
def test_what_one_donor_carries_is_refused(values, donors, reason):
    phenotype, why = read_phenotype(pd.Series(values, name="y"), blocks=pd.Series(donors, name="donor"))
    assert phenotype is None and why.startswith(reason)


def paired_networks(rng, effect=2.0):
    """Return rows x 10 lines with large effects of donors and one of the treatment in the first rows."""
    donor = rng.normal(0, 3, (40, 5))[:, pd.factorize(PAIRS)[0]]
    treated = (SWAPS == "treated").to_numpy(float)
    return donor + 0.3 * rng.normal(size=(40, 10)) + effect * treated * (np.arange(40) < 10)[:, None]


def test_a_paired_effect_is_found_at_the_smallest_attainable_p(rng):
    x = paired_networks(rng)
    phenotype = blocked(SWAPS, PAIRS)
    kernel = x - x.mean(axis=1, keepdims=True)
    maps = associate(kernel.T @ kernel, phenotype, permutations=1000, rng=rng)
    assert maps["pvalue"].tolist() == [0.0625] * 3
    free = read_phenotype(SWAPS)[0]
    assert associate(kernel.T @ kernel, free, permutations=1000, rng=rng)["pvalue"].min() > 0.2
    genes, _ = associate_genes(x, phenotype, {"mean": rng.normal(size=(40, 10))}, range(40), rng=rng)
    assert (genes["pvalue_permuted"][:10] == 0.0625).all() and (genes["pvalue"][:10] == 0.0625).all()
    assert (genes["rho"][:10] > 0.8).all() and (genes["rho_partial"][:10] > 0.5).all()
    assert (genes["pvalue"][10:] < 0.1).mean() < 0.3
    assert (genes["unit"] == "line").all() and genes["n"].iloc[0] == 10


def test_paired_genes_are_tested_as_by_a_regression_with_donors(rng):
    import statsmodels.api as sm

    x = paired_networks(rng)
    genes, _ = associate_genes(x, blocked(SWAPS, PAIRS), {}, range(40), permutations=10, rng=rng)
    design = np.column_stack([(SWAPS == "treated").astype(float), pd.get_dummies(PAIRS).astype(float)])
    aligned = x - pd.DataFrame(x.T).groupby(PAIRS.to_numpy()).transform("mean").to_numpy().T
    for gene in (20, 30):
        fit = sm.OLS(stats.rankdata(np.round(aligned[gene], 9)), design).fit()
        assert genes["pvalue"][gene] == pytest.approx(max(fit.pvalues[0], 0.0625), rel=1e-6)
    assert genes["pvalue"].min() == 0.0625  # five differences agree by chance once in 16 genes


def donor_level(rng, naive):
    """Return a phenotype of donors with repeated samples, and 30 rows x lines with effects of donors."""
    donor = np.repeat(np.arange(14), rng.permutation(np.resize([1, 2, 3], 14)))
    column = pd.Series(rng.permutation(14)[donor].astype(float), name="y")
    phenotype = read_phenotype(column, blocks=None if naive else pd.Series(donor, name="donor"))[0]
    x = rng.normal(size=(30, 14))[:, donor] + 0.5 * rng.normal(size=(30, len(donor)))
    return phenotype, x


def within_donors(rng, naive):
    """Return a random condition within donors, and 30 rows x lines with effects of donors."""
    donor = np.repeat(np.arange(9), 2)
    column = pd.Series(np.concatenate([rng.permutation(["a", "b"]) for _ in range(9)]), name="y")
    phenotype = read_phenotype(column, blocks=None if naive else pd.Series(donor, name="donor"))[0]
    x = rng.normal(size=(30, 9))[:, donor] + 0.5 * rng.normal(size=(30, len(donor)))
    return phenotype, x


def shares(rng, draw, repeats, naive=False):
    """Return test -> share of p <= .05 where nothing follows the phenotype."""
    collected: dict[str, list] = {}
    first, second = np.triu_indices(9, 1)
    names = np.array(list("abcdefghi"), dtype=object)
    for _ in range(repeats):
        phenotype, x = draw(rng, naive)
        kernel = x - x.mean(axis=1, keepdims=True)
        maps = associate(kernel.T @ kernel, phenotype, permutations=99, rng=rng)
        values = dict(zip(maps["test"], maps["pvalue"], strict=True))
        genes, _ = associate_genes(x, phenotype, {"mean": x[::-1]}, range(30), permutations=99, rng=rng)
        values |= {name: genes[name].to_numpy() for name in genes if name.startswith("pvalue")}
        del values["pvalue_mean_expression"]
        present = sparse.csr_matrix((np.vstack([x, x[:6] - x[6:12]]) > 0).T.astype(float))
        table = EdgeTable(names, first, second, present)
        values["edges"] = associate_edges(table, {"s": list("abcd")}, phenotype)["pvalue"].to_numpy()
        of_sets = associate_sets(table, {"s": list("abcdef")}, phenotype, permutations=99, rng=rng)
        values["sets"] = of_sets["pvalue_permuted"].to_numpy()
        for name, value in values.items():
            collected.setdefault(name, []).append(np.atleast_1d(value))
    return {name: float((np.concatenate(value) <= 0.05).mean()) for name, value in collected.items()}


@pytest.mark.parametrize("draw", [donor_level, within_donors])
def test_all_tests_keep_their_level_with_repeated_samples(rng, draw):
    level = shares(rng, draw, 150)
    for name, share in level.items():
        independent = 150 if name in ("permanova", "mantel", "pc1", "sets") else 1500
        low, high = stats.binom.interval(0.998, independent, 0.05)
        assert share <= high / independent + 0.01, (name, share)
        if name != "edges":  # of few pairs with and without the edge, which give no small p
            assert share >= low / independent - 0.01, (name, share)


def test_samples_taken_for_donors_find_what_is_not_there(rng):
    """The control: without blocks the same tests are far from their level."""
    level = shares(rng, donor_level, 60, naive=True)
    assert min(level[name] for name in ("pvalue", "permanova", "mantel", "pc1")) > 0.12


def test_edges_of_groups_count_donors(rng):
    donors = list("aaaabcdef")
    present = np.zeros((9, 1))
    present[:4] = 1  # only donor a
    table = EdgeTable(
        np.array(["x", "y"], dtype=object), np.array([0]), np.array([1]), sparse.csr_matrix(present)
    )
    phenotype = blocked(list("uuuuuuvvv"), donors)
    edges, _ = group_edges(table, phenotype, min_fraction=0.2, permutations=20, rng=rng)
    assert edges["share"].tolist() == [pytest.approx(1 / 3)]


def confounded(rng, n=24):
    age = rng.normal(size=n)
    return pd.DataFrame(
        {"y": age + 0.7 * rng.normal(size=n), "age": age, "batch": rng.choice(list("pqr"), n)}
    )


def test_covariates_keep_the_level_where_the_trait_goes_with_them(rng):
    raw, adjusted, maps = [], [], []
    for _ in range(60):
        lines = confounded(rng)
        x = rng.normal(size=(25, 1)) * lines["age"].to_numpy() + rng.normal(size=(25, 24))
        phenotype = read_phenotype(lines["y"])[0]
        given, reason = with_covariates(phenotype, lines, ["age", "batch"])
        assert reason == "" and given.covariates.shape == (24, 3) and given.adjusted == ("age", "batch")
        raw.append(associate_genes(x, phenotype, {}, range(25), permutations=0)[0]["pvalue"])
        table, _ = associate_genes(x, given, {}, range(25), permutations=99, rng=rng)
        adjusted.append(table[["pvalue", "pvalue_permuted"]])
        kernel = x - x.mean(axis=1, keepdims=True)
        maps.append([
            associate(kernel.T @ kernel, one, permutations=99, rng=rng)["pvalue"].iloc[0]
            for one in (phenotype, given)
        ])  # fmt: skip
    assert (np.concatenate(raw) < 0.05).mean() > 0.2
    share = (np.concatenate(adjusted) <= 0.05).mean(axis=0)
    assert ((share > 0.03) & (share < 0.07)).all(), share
    free, kept = (np.array(maps) <= 0.05).mean(axis=0)
    assert free > 0.5 and kept <= 0.12


def test_covariates_do_not_hide_an_effect(rng):
    lines = confounded(rng)
    rest = lines["y"] - 0.8 * lines["age"]
    x = np.stack([rest + 0.3 * rng.normal(size=24), rng.normal(size=24)])
    given = with_covariates(read_phenotype(lines["y"])[0], lines, ["age"])[0]
    table, _ = associate_genes(x, given, {"mean": rng.normal(size=(2, 24))}, "ab", permutations=199, rng=rng)
    assert table["pvalue_partial"][0] < 0.001 and table["pvalue_partial_permuted"][0] == 1 / 200
    assert table["covariates"][0] == "age"


def test_effects_are_adjusted_for_covariates_and_controls(rng):
    lines = confounded(rng)
    given = with_covariates(read_phenotype(lines["y"])[0], lines, ["age"])[0]
    x, mean = rng.normal(size=(2, 3, 24)) + lines["y"].to_numpy()
    table = effects(x, given, {"mean": mean}, given.orders(99, rng), ("mean",))
    for at in range(3):
        design = np.column_stack([lines["y"], np.ones(24), lines["age"], mean[at]])
        for name, regressors in (("effect", design[:, :3]), ("effect_partial", design)):
            slope = np.linalg.lstsq(regressors, x[at], rcond=None)[0][0]
            np.testing.assert_allclose(table[name][at], slope)


def test_covariates_that_leave_nothing_are_refused(rng):
    lines = pd.DataFrame(
        {"y": list("aabb") * 2, "batch": list("ppqq") * 2, "age": range(8), "sex": list("fm") * 4}
    )
    phenotype = read_phenotype(lines["y"])[0]
    assert "cannot be told from the covariates (batch)" in with_covariates(phenotype, lines, ["batch"])[1]
    lines["site"] = list("rstrstrr")
    assert "too few for the covariates" in with_covariates(phenotype, lines, ["age", "sex", "site"])[1]
    assert with_covariates(phenotype, lines, ["y"])[0] is phenotype
    lines["sex"] = "f"
    assert with_covariates(phenotype, lines, ["sex"])[0] is phenotype  # all are alike
    assert with_covariates(phenotype, lines, ["sex", "age"])[0].adjusted == ("age",)


def test_lines_without_a_covariate_are_left_out():
    lines = pd.DataFrame({"y": np.arange(10.0), "age": [1.0, None, *range(8)], "donor": list("abcdefghij")})
    assert usable_lines(lines, ["age"]).sum() == 9 and not usable_lines(lines, ["none"]).any()
    settings = NetworkSettings(covariates=("age",), block="donor")
    phenotypes, skipped = read_phenotypes(lines, ["y"], settings)
    assert phenotypes[0].n == 9 and phenotypes[0].adjusted == ("age",) and skipped.empty
    assert usable_lines(lines.assign(age=[np.inf, *range(9)]), ["age"]).tolist() == [False, *[True] * 9]


def test_three_groups_of_genes_are_tested(rng):
    groups = pd.Series(np.repeat(list("abc"), 6), name="site")
    x = rng.normal(size=(300, 18))
    x[0, 6:12] += 8
    phenotype = read_phenotype(groups)[0]
    table, _ = associate_genes(
        x, phenotype, {"mean": rng.normal(size=(300, 18))}, range(300), permutations=99
    )
    assert table["high"][0] == "b" and table["call"][0] == "connectivity"
    expected = [stats.kruskal(row[:6], row[6:12], row[12:]).statistic / 17 for row in x]
    np.testing.assert_allclose(table["rho"] ** 2, expected, atol=1e-10)
    null = table.iloc[1:]
    for name in ("pvalue", "pvalue_permuted", "pvalue_partial", "pvalue_partial_permuted"):
        assert 0.02 <= (null[name] <= 0.05).mean() <= 0.09, name


def test_maps_are_repeated_with_the_depth_of_lines(rng):
    depth = np.arange(20.0)
    y = pd.Series(depth + 4 * rng.normal(size=20), name="y")
    x = rng.normal(size=(30, 1)) * depth / 3 + rng.normal(size=(30, 20))
    kernel = x - x.mean(axis=1, keepdims=True)
    table = associate(
        kernel.T @ kernel, read_phenotype(y)[0], permutations=199, rng=rng, controls={"depth": depth}
    ).set_index("test")
    assert table.loc["permanova", "pvalue"] < 0.01 and table.loc["permanova, controlled", "pvalue"] > 0.05
    assert list(table.index[3:]) == ["permanova, controlled", "mantel, controlled", "pc1, controlled"]


def test_residuals_of_maps_have_the_same_expected_size(rng):
    design = rng.normal(size=(12, 2))
    design -= design.mean(axis=0)
    scale = residual_scale(design)
    kept = np.eye(12) - 1 / 12 - design @ np.linalg.pinv(design)
    np.testing.assert_allclose(np.diag(kept) * np.square(scale), 1)
    alone = np.zeros((6, 1))
    alone[0] = 1  # a regressor that explains one unit completely
    assert residual_scale(alone - alone.mean(axis=0))[0] == 0


def test_mantel_with_a_control_keeps_its_level():
    rng, small = np.random.default_rng(3), []
    for _ in range(200):
        phenotype, _ = read_phenotype(pd.Series(rng.permutation(np.repeat(["a", "b"], 7)), name="y"))
        depth = rng.normal(size=14)
        x = rng.normal(size=(20, 14)) + 0.3 * depth
        table = associate(x.T @ x, phenotype, permutations=79, rng=rng, controls={"depth": depth})
        small.append(table.set_index("test").loc["mantel, controlled", "pvalue"] <= 0.05)
    assert 0.02 <= np.mean(small) <= 0.09  # 0.01 without residual_scale
