"""How columns of the table of lines are read, and how the agreement of a line's parts is judged."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.sivae.networks.covariates import with_covariates
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.sivae.networks.reliability import check_lines, reliability
from panscape.sivae.networks.settings import NetworkSettings


def read(values, donors=None, **options):
    blocks = None if donors is None else pd.Series(donors, name="donor")
    return read_phenotype(pd.Series(values, name="y"), blocks=blocks, **options)


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ([1, 2, 3] * 2, ()),  # three numbers are not groups
        ([9, 10] * 3, ("9", "10")),
        (["KO", "wild_type"] * 3, ("wild_type", "KO")),
        (["zzz", "wild-type", "wild type"] * 2, ("wild type", "wild-type", "zzz")),
        (["10b", "9"] * 3, ("9", "10b")),
    ],
)
def test_groups_are_ordered_by_control_number_and_name(values, groups):
    phenotype, _ = read(values)
    assert phenotype.groups == groups and phenotype.kind == ("groups" if groups else "continuous")


def test_the_smallest_p_of_three_groups_counts_labellings_that_exchange_them():
    assert read(list("aabbcc"))[0].smallest_pvalue == pytest.approx(6 / 90)


def test_lines_without_a_block_are_blocks_of_their_own():
    donors = ["a", "a", "b", "b", "", "", None, None]
    phenotype, _ = read(np.arange(8.0), donors, min_lines=2)
    assert phenotype.known.tolist() == [True] * 4 + [False] * 4  # only a and b have several values
    phenotype, _ = read([1.0, 1, 2, 2, 4, 5, 6, 7], donors)
    assert phenotype.n == 6 and phenotype.unit == "donor"


def test_a_group_twice_in_one_donor_is_that_donors():
    reason = read(list("uvuvuvuvuww"), list("aabbccddeee"))[1]
    assert reason.startswith("a group has one donor ('w')")


def test_only_usable_lines_count_and_as_many_as_asked_for_are_enough():
    usable = np.array([True] * 6 + [False] * 2)
    phenotype, _ = read(np.arange(8.0), usable=usable)
    assert phenotype.n == 6 and phenotype.known.tolist() == usable.tolist()
    assert read(np.arange(8.0), usable=usable, min_lines=7)[0] is None


def test_orders_and_labellings_keep_to_their_blocks():
    strata = np.repeat([0, 1, 2, 3], 3)
    phenotype, _ = read([0.0, 1, 2, 5, 3, 4, 8, 6, 7, 9, 11, 10], [*"aaabbbcccddd"])
    rng = np.random.default_rng(0)
    for code in range(4):
        at = strata == code
        assert set(phenotype.orders(50, rng)[:, at].ravel()) == set(np.flatnonzero(at))
        assert set(phenotype.shuffled(50, rng)[:, at].ravel()) == set(phenotype.values[at])


def test_maps_are_adjusted_for_numbers_and_networks_for_their_ranks():
    lines = pd.DataFrame({"y": [1.0, 4, 2, 8, 5, 7, 3, 6], "age": [1.0, 2, 4, 8, 16, 32, 64, 128]})
    phenotype = with_covariates(read(lines["y"])[0], lines, ["age"])[0]
    assert abs(np.corrcoef(phenotype.design[:, 0], lines["age"])[0, 1]) == pytest.approx(1)
    assert abs(np.corrcoef(phenotype.covariates[:, 0], lines["age"].rank())[0, 1]) == pytest.approx(1)


def two_lines(own, other, **options):
    similarity = np.full((4, 4), float(other))
    similarity[0, 1] = similarity[1, 0] = similarity[2, 3] = similarity[3, 2] = own
    names, line = ["a", "b"], np.array([0, 0, 1, 1])
    return reliability({"m": similarity}, line, names, source="bins", **options).iloc[0]


def test_agreement_is_judged_above_chance_and_beside_the_others():
    assert two_lines(0.5, 0.5)["flag"] == "not distinct"  # not more than others
    assert two_lines(0.52, 0.1, chance={"m": 0.35})["flag"] == ""  # 0.17 of 0.65 above chance
    assert two_lines(0.45, 0.1, chance={"m": 0.35})["flag"] == "unreliable"
    assert two_lines(0.3, 0.1, min_agreement=0.3)["flag"] == "unreliable"  # has to be more


GENES = [f"g{at}" for at in range(6)]


class File:
    """A line with parts that have given edges and centralities."""

    def __init__(self, edges, values, collapsed=()):
        self.edges, self.values, self.bad = edges, values, collapsed
        self.asked = []

    def graphs(self, model, bins):
        self.asked.append(model)
        made = []
        for pairs in (self.edges[name] for name in bins):
            graph = np.zeros((6, 6))
            for a, b in pairs:
                graph[a, b] = graph[b, a] = 1
            made.append(sparse.csr_matrix(graph))
        return made

    def embeddings(self, model, bins):
        rng = np.random.default_rng(len(model))
        return [rng.normal(size=(6, 2)) for _ in bins]

    def table(self):
        rows = [
            {"bin": name, "gene": gene, "model": model, "centrality": value}
            for model in ("sivae", "pca", "pearson")
            for name, values in self.values.items()
            for gene, value in zip(GENES, values, strict=False)  # the last genes may be constant in the line
        ]
        return pd.DataFrame(rows)

    def collapsed(self):
        return list(self.bad)


def check(files, parts, **settings):
    for name, file in files.items():
        file.name = name
    collection = SimpleNamespace(
        files=list(files.values()), names=list(files), genes=np.array(GENES), parts=lambda at: parts[at],
        whole=lambda at: ["0"], lines=pd.DataFrame({"line": list(files)}),
    )  # fmt: skip
    engines = ("pca", "pearson")
    return check_lines(collection, NetworkSettings(engines=engines, **settings))


def test_lines_are_compared_within_engine_and_kind_of_parts():
    ring = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    cut = {"half-a": ring, "half-b": ring[:4], "0": ring, "1": ring[:4]}
    values = {name: [5, 1, 4, 2, 3] for name in cut}  # no value of g5
    files = {name: File(cut, values) for name in ("x", "y", "z")}
    parts = [(["half-a", "half-b"], "halves"), (["0", "1"], "bins"), (["half-a", "half-b"], "halves")]
    table = check(files, parts)
    assert files["x"].asked == ["sivae", "pca", "pearson"]
    assert table["model"].drop_duplicates().tolist() == ["sivae", "pca", "pearson"]
    assert (
        table.groupby("model")["line"]
        .apply(lambda names: list(dict.fromkeys(names)))
        .map("".join)
        .eq("xyz")
        .all()
    )
    assert set(table.loc[table["line"] == "y", "source"]) == {"bins"}
    assert table.loc[table["line"] == "y", "others"].isna().all()  # no other line has bins
    assert set(table.loc[table["model"] == "pca", "measure"]) == {"neighbours", "centrality", "cka"}
    assert set(table.loc[table["model"] == "pearson", "measure"]) == {"neighbours", "centrality"}
    assert table.loc[table["measure"] == "centrality", "within"].round(12).eq(1).all()
    near = table[(table["measure"] == "neighbours") & (table["line"] == "x")]["within"].iloc[0]
    # neighbours of g0-g3 agree, of g4 by half, of g5 not at all
    assert near == pytest.approx(4.5 / 6)


def test_the_chance_of_neighbours_is_that_of_graphs_of_their_density():
    ring = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    cut = {"0": ring, "1": ring[:4]}
    density = 18 / 2 / 30  # mean of 10 and 8 entries of 30
    chance = density / (2 - density)
    least = (4.5 / 6 - chance) / (1 - chance)
    for shift, flag in ((-0.001, ""), (0.001, "unreliable")):
        files = {"x": File(cut, {name: [5, 1, 4, 2, 3, 6] for name in cut})}
        table = check(files, [(["0", "1"], "bins")], min_reliability=least + shift)
        near = table[(table["measure"] == "neighbours") & (table["model"] == "pearson")]
        assert near["flag"].tolist() == [flag]


def test_only_collapsed_models_of_whole_bins_are_flagged_and_only_siVAEs():
    cut = {"0": [(0, 1)], "half-a": [(0, 1)], "half-b": [(0, 1)]}
    values = {name: [5, 1, 4, 2, 3, 6] for name in cut}
    files = {name: File(cut, values, bad) for name, bad in {"x": ["0"], "y": ["half-a"], "z": []}.items()}
    table = check(files, [(["half-a", "half-b"], "halves")] * 3)
    flagged = table[table["flag"] == "collapsed"]
    assert set(flagged["line"]) == {"x"} and set(flagged["model"]) == {"sivae"}
