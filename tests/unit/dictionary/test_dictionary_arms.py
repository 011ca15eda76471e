"""Entries that are parts of one programme, on a planted module that represses genes and on a divided one."""

import numpy as np
import pandas as pd
import pytest
from scored_study import KNOWN, MODULES, dictionary, scored_study

from panscape.coscape.dictionary.arms import join_entries, with_programmes
from panscape.coscape.dictionary.membership import place_genes, program_table
from panscape.coscape.dictionary.scores import study_scores

REPRESSED = 3


@pytest.fixture(scope="module")
def placed():
    """Entries: module 0, the genes that it represses, module 1 in two parts, modules 2 and 3."""
    case = scored_study(8, repressed=REPRESSED)
    of = [list(np.flatnonzero(case.module == k)) for k in range(MODULES)]
    last = list(range(len(case.module) - REPRESSED, len(case.module)))
    known = [of[0][:KNOWN], last, of[1][:KNOWN], of[1][KNOWN:], of[2][:KNOWN], of[3][:KNOWN]]
    names = ["up", "down", "most", "rest", "two", "three"]
    genes = np.asarray(case.saved.genes, dtype=object)
    usage = np.ones((4, len(names)))
    saved = dictionary(genes, known, list(case.clusters["cluster"]), usage, names)
    scored = study_scores(case.counts, case.clusters, case.members, saved)
    table, membership = place_genes([scored.membership], saved.genes, saved.names)
    return table, membership, program_table([scored.membership], table, saved.names), case


def test_repressed_genes_and_parts_of_a_module_join_its_entry(placed):
    joined = join_entries(*placed[:3]).set_index("entry")
    assert joined["programme"].to_dict() == {
        "up": "up", "down": "up", "most": "most", "rest": "most", "two": "two", "three": "three"
    }  # fmt: skip
    assert joined["arm"].tolist() == ["", "falls", "", "rises", "", ""]
    assert joined.loc["down", "joined_kme"] < -0.12 and joined.loc["rest", "joined_kme"] > 0.3
    assert joined["joined_kme"].isna().tolist() == [True, False, True, False, True, True]


def test_genes_have_the_programme_and_direction_of_their_entry(placed):
    table, _, _, case = placed
    mine = with_programmes(table, join_entries(*placed[:3]))
    group = mine["programme"].to_numpy()
    assert (group[case.module == 0] == "up").all() and (group[-REPRESSED:] == "up").all()
    assert (group[case.module == 1] == "most").all()
    assert (mine["direction"][-REPRESSED:] == "falls").all()
    assert (mine.loc[(case.module >= 0), "direction"] == "rises").all()
    assert ((mine["programme"] == "") == (mine["entry"] == "")).all()
    assert ((mine["direction"] == "") == (mine["entry"] == "")).all()
    assert mine.drop(columns=["programme", "direction"]).equals(table)


def test_genes_that_fall_with_the_falling_arm_rise_with_the_programme():
    genes = pd.DataFrame({"gene": ["a", "b"], "entry": "down", "kme": [0.4, -0.4]})
    joined = pd.DataFrame({"entry": ["down"], "programme": ["up"], "arm": ["falls"]})
    assert with_programmes(genes, joined)["direction"].tolist() == ["falls", "rises"]


def made(kme, kinds=("activity", "activity")):
    """Return the arguments of join_entries for entries one (genes a-e) and two (f-h); kme of f-h with one."""
    genes = list("abcdefgh")
    table = pd.DataFrame({"gene": genes, "entry": ["one"] * 5 + ["two"] * 3, "kme": 0.5})
    columns = {"one": [0.5] * 5 + list(kme), "two": [0.0] * 5 + [0.5] * 3}
    membership = pd.concat(
        [pd.DataFrame({"entry": name, "gene": genes, "kme_within": value}) for name, value in columns.items()]
    )
    return table, membership, pd.DataFrame({"entry": ["one", "two"], "kind": kinds})


@pytest.mark.parametrize(
    ("kme", "joins"),
    [
        ([-0.3, -0.3, -0.3], True),
        ([0.3, 0.3, 0.3], True),
        ([-0.15, -0.15, -0.15], False),  # less than two fifths of .5
        ([-0.3, -0.3, 0.01], False),  # two signs
        ([0.0, 0.0, 0.0], False),
        ([np.nan] * 3, False),  # the other's score is constant within clusters
    ],
)
def test_an_entry_joins_if_all_its_genes_agree_and_enough(kme, joins):
    assert join_entries(*made(kme))["programme"].tolist() == ["one", "one" if joins else "two"]


@pytest.mark.parametrize("kinds", [("identity", "activity"), ("activity", "identity")])
def test_programmes_of_identity_are_left_alone(kinds):
    assert join_entries(*made([-0.3] * 3, kinds))["programme"].tolist() == ["one", "two"]


def test_the_larger_entry_keeps_its_name_and_chains_multiply_signs():
    table, membership, kinds = made([-0.3] * 3)
    more = pd.DataFrame({"gene": ["i", "j"], "entry": "three", "kme": 0.5})
    table = pd.concat([table, more], ignore_index=True)
    extra = [("one", g, 0.0) for g in "ij"] + [("two", g, -0.4) for g in "ij"]
    extra += [("three", g, 0.5 if g in "ij" else 0.0) for g in "abcdefghij"]
    columns = ["entry", "gene", "kme_within"]
    membership = pd.concat([membership, pd.DataFrame(extra, columns=columns)], ignore_index=True)
    kinds = pd.DataFrame({"entry": ["three", "two", "one"], "kind": "activity"})
    joined = join_entries(table, membership, kinds)
    assert joined["programme"].tolist() == ["one"] * 3
    assert joined["arm"].tolist() == ["rises", "falls", ""]


def test_no_placed_genes_no_joins():
    table, membership, kinds = made([0.0] * 3)
    joined = join_entries(table.assign(entry="", kme=0.0), membership, kinds)
    assert joined["programme"].tolist() == ["one", "two"] and joined["arm"].tolist() == ["", ""]
