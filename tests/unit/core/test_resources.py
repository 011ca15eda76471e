"""What jobs ask for grows with their input and with nothing else."""

import re
from pathlib import Path

import pytest
import yaml

from panscape.config import studies
from panscape.config.load import load
from panscape.data.size import Size
from panscape.pipeline import estimates, resources


@pytest.fixture(scope="module")
def config():
    return load(yaml.safe_load("{collection: x, studies: [{id: a, path: a.h5ad}]}"))


ROOT = Path(__file__).parents[3]
SMALL, LARGE = Size(5_000, 20_000, 5_000_000), Size(562_000, 25_000, 1_400_000_000)


@pytest.mark.parametrize("rule", sorted(resources.FORMULAS))
@pytest.mark.parametrize("resource", ["mem_mb", "runtime"])
def test_larger_input_never_asks_for_less(config, rule, resource):
    small = resources.needs(rule, resource, [SMALL], config)
    assert isinstance(small, int) and small >= 1
    assert resources.needs(rule, resource, [LARGE], config) >= small
    assert resources.needs(rule, resource, [SMALL, SMALL], config) >= small


def test_the_largest_study_fits_an_ordinary_machine(config):
    for rule in ("filter_cells", "find_panclusters", "correlate_genes"):
        assert resources.needs(rule, "mem_mb", [LARGE], config) < 24_000, rule


def test_more_entries_and_more_networks_ask_for_more(config, tmp_path):
    longer = {**config, "dictionary": {**config["dictionary"], "k_range": [2, 60]}}
    fixed = {**config, "dictionary": {**config["dictionary"], "k": 5}}
    paths = [str(tmp_path / "edges.tsv"), str(tmp_path / "not there yet.tsv.gz")]
    known = {**config, "overlap": {**config["overlap"], "networks": [{"name": x, "path": x} for x in paths]}}
    for rule in ("find_elbow", "learn_dictionary", "build_targets"):
        usual = resources.needs(rule, "mem_mb", [SMALL], config)
        assert resources.needs(rule, "mem_mb", [SMALL], longer) > usual, rule
        assert resources.needs(rule, "mem_mb", [SMALL], fixed) < usual, rule
    usual = resources.needs("score_overlap", "runtime", [SMALL], config)
    assert resources.needs("score_overlap", "runtime", [SMALL], known) > usual
    usual = resources.needs("score_overlap", "mem_mb", [SMALL], known)
    (tmp_path / "edges.tsv").write_text(10**6 * "GENE1\tGENE2\n")
    # an edge of a million takes about 350 bytes (measured: 908 000 edges, 320 MB)
    assert 300 < resources.needs("score_overlap", "mem_mb", [SMALL], known) - usual < 600


def test_training_asks_for_time_by_its_steps_and_predicting_does_not(config):
    longer = {**config, "unicoord": {**config["unicoord"], "n_epochs": 50 * config["unicoord"]["n_epochs"]}}
    for rule, grows in (("train_unicoord", True), ("restore_cells", True), ("place_cells", False)):
        usual, more = (resources.needs(rule, "runtime", [LARGE], given) for given in (config, longer))
        assert (more > 5 * usual) == grows and more >= usual, rule


def test_spearman_and_ward_ask_for_more(config):
    spearman = {**config, "coexpression": {**config["coexpression"], "estimator": "spearman"}}
    ward = {**config, "panclust": {**config["panclust"], "algorithm": "ward"}}
    for rule, other in (("correlate_genes", spearman), ("find_panclusters", ward)):
        assert resources.needs(rule, "mem_mb", [SMALL], other) > resources.needs(
            rule, "mem_mb", [SMALL], config
        )


def test_smallest_cluster_of_a_study_is_its_own():
    config = load(
        {
            "collection": "a",
            "studies": [
                {"id": "one", "path": "one.h5ad", "panclust": {"min_cells": 30}},
                {"id": "two", "path": "two.h5ad"},
            ],
            "landscape": {"root": "none"},
        }
    )
    assert estimates.min_cells(Size(2142, 10, 10, study="one"), config) == 30
    assert estimates.min_cells(Size(2142, 10, 10, study="two"), config) == 53
    assert estimates.panclusters(Size(2142, 10, 10, study="one"), config) > estimates.panclusters(
        Size(2142, 10, 10, study="two"), config
    )
    assert (
        studies.panclust(config, "one")["min_cells"] == 30
        and studies.panclust(config, "two") == config["panclust"]
    )
    assert "panclust" not in studies.located(config, "one")


RULES = ROOT / "workflow/rules"
RULE = re.compile(r"^(?:use rule (\w+) as|rule|checkpoint) (\w+)(?: with)?:$", re.M)
ADVICE = (
    "FORMULAS in workflow/panscape/pipeline/resources.py gives memory (MB) and minutes of each rule by the "
    "size of its input, tests/preflight/measured.json a run that it was measured in; rules that take no time "
    "belong to `localrules` in workflow/rules/targets.smk"
)


def rule_texts():
    """Return (inherits from, text) of every rule that is not among the local ones."""
    found, local = {}, set()
    for path in sorted(RULES.glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        for block in re.findall(r"^localrules:\n((?:    .*\n)+)", text, re.M):
            local |= set(re.findall(r"\w+", block))
        parts = RULE.split(text)
        found |= {
            name: (base, body) for base, name, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        }
    return {name: rule for name, rule in found.items() if name not in local}


def test_every_rule_has_a_formula():
    rules = set(rule_texts())
    assert len(rules) > 50
    missing, unused = rules - set(resources.FORMULAS), set(resources.FORMULAS) - rules
    assert not missing, f"rules without a formula: {sorted(missing)}. {ADVICE}"
    assert not unused, f"formulas without a rule: {sorted(unused)}. {ADVICE}"


def test_every_rule_asks_for_what_its_formula_says():
    for name, (base, text) in rule_texts().items():
        for resource in ("mem_mb", "runtime"):
            asked = re.findall(rf'{resource}=needs\(\s*"(\w+)"', text)
            assert asked == ([] if base else [name]), (
                f"{name}: write {resource}=needs({name!r}, {resource!r})"
            )
