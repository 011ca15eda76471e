"""What a change makes anew: exactly what depends on it, and nothing without a change."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
import yaml
from tiny_collection import ROOT, TINY

DIRECT = "arams have changed"
DRAWN = {"simulate_study", "simulate_truth"}
REPORT = {"write_report"}
PLACES = {"place_clusters", "plot_landscape", *REPORT}
LANDSCAPE = {"build_landscape", *PLACES}
SCORES = {"score_pairs", *LANDSCAPE}
PAIRS = {"choose_pairs", *SCORES}
COEXPRESSION = {"correlate_genes", *PAIRS}
PANCLUST = {"find_panclusters", *COEXPRESSION}
PREPROCESS = {"filter_cells", "plot_qc", "collect_qc", "select_genes", *PANCLUST}

# setting, another value: the first rules whose own parameter it is, and all that are run
CHANGES = {
    "seed": (4, DRAWN, DRAWN | PREPROCESS),
    "preprocess__min_genes": (60, {"filter_cells"}, PREPROCESS),
    "panclust__min_cells": (70, {"find_panclusters"}, PANCLUST),
    "coexpression__eta": (0.9, {"correlate_genes"}, COEXPRESSION),
    "landscape__n_neighbors": (6, {"build_landscape"}, LANDSCAPE),
    "landscape__distance": ("thresholded", {"build_landscape"}, LANDSCAPE),
    "landscape__min_pairs": (20, {"build_landscape"}, LANDSCAPE),
    "landscape__top_pairs": (2000, {"choose_pairs"}, PAIRS),
    "landscape__min_expected": (5, {"correlate_genes"}, COEXPRESSION),
    "landscape__pseudotime_draws": (7, {"place_clusters"}, PLACES),
    "report__top": (7, {"plot_landscape"}, {"plot_landscape", *REPORT}),
    "report__title": ("Another", {"write_report"}, REPORT),
    "dictionary__alpha": (0.2, {"write_report"}, REPORT),  # named in the report's settings, not run
}


def planned(run):
    """Return {rule: [reason of each job]} of a dry run, the target left out."""
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-3000:]
    rules = {}
    for rule, reason in re.findall(
        r"^(?:local)?rule (\w+):.*?^    reason: ([^\n]*)", text, re.MULTILINE | re.DOTALL
    ):
        rules.setdefault(rule, []).append(reason)
    rules.pop("all", None)
    return rules


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_setting_runs_exactly_what_depends_on_it(finished, snakemake, variant, key):
    value, scripts, everything = CHANGES[key]
    rules = planned(snakemake(finished, "-n", config=variant(**{key: value})))
    assert set(rules) == everything
    named = {rule for rule, reasons in rules.items() if all(DIRECT in reason for reason in reasons)}
    assert scripts <= named


def test_a_changed_study_leaves_the_others_alone(finished, snakemake, variant):
    config = yaml.safe_load(variant().read_text())
    config["studies"][1]["keep"] = "n_counts > 10"
    path = finished.parent / "keep.yaml"
    path.write_text(yaml.safe_dump(config))
    run = snakemake(finished, "-n", config=path)
    reasons = planned(run)["filter_cells"]
    assert len(reasons) == 1 and DIRECT in reasons[0]
    assert "wildcards: collection=tiny, study=late" in run.stdout + run.stderr


@pytest.fixture
def checkout(tmp_path):
    """Return a copy of the workflow's sources to change."""
    for name in ("workflow", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    return tmp_path


def dry_run(folder, snakefile):
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--directory", folder, "-n"]
    command += ["--cores", "2", "--configfile", TINY]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def test_changed_code_runs_the_stages_that_reach_it(finished, checkout):
    module = checkout / "workflow/panscape/coscape/landscape/layout.py"
    source = module.read_text()
    module.write_text(source + "\nANOTHER = 1\n")
    rules = planned(dry_run(finished, checkout / "Snakefile"))
    assert DIRECT in rules["build_landscape"][0]
    assert not {"filter_cells", "select_genes", "find_panclusters", "correlate_genes"} & set(rules)


def test_words_in_all_files_run_nothing(finished, checkout):
    changed = 0
    for path in (checkout / "workflow").rglob("*.py"):  # the library and the scripts
        source = path.read_text()
        words = re.sub(r'^( *)"""(\w)', r'\1"""In other words: \2', source, flags=re.MULTILINE)
        path.write_text(f"{words}\n# a remark\n")
        changed += words != source
    assert changed > 300
    assert not planned(dry_run(finished, checkout / "Snakefile"))


@pytest.mark.parametrize("helper", ["maps", "spaces", "trajectory"])
def test_a_changed_plotting_helper_runs_figures_and_report_only(finished, checkout, helper):
    module = checkout / f"workflow/panscape/plot/{helper}.py"
    module.write_text(module.read_text() + "\nANOTHER = 1\n")
    rules = planned(dry_run(finished, checkout / "Snakefile"))
    assert set(rules) == {"plot_landscape", "write_report"}


def test_a_changed_colour_runs_figures_and_report_only(finished, checkout):
    module = checkout / "workflow/panscape/plot/palette.py"
    module.write_text(module.read_text() + "\nANOTHER = 1\n")
    rules = planned(dry_run(finished, checkout / "Snakefile"))
    assert set(rules) == {"plot_qc", "plot_landscape", "write_report"}


def test_why_says_what_an_edit_runs(finished, capsys, monkeypatch):
    from panscape.pipeline.preflight.__main__ import main

    monkeypatch.chdir(finished)
    file = ROOT / "workflow/panscape/plot/maps.py"
    assert main(["--why", str(file), "--configfile", str(TINY)]) == 0
    printed = capsys.readouterr().out
    assert "plot_landscape  plot.maps <- plot.landscape" in printed
    assert "reruns 2 finished jobs" in printed
    assert "1  write_report  (its input is rerun)" in printed and "train" not in printed
    assert main(["--why", str(ROOT / "README.md"), "--configfile", str(TINY)]) == 1
    assert "is neither a script of the workflow nor part of its library" in capsys.readouterr().err


def test_touching_results_runs_nothing(workdir, snakemake):
    later = time.time() + 60
    for path in (workdir / "results").rglob("*"):
        if path.is_file() and path.stat().st_size < 100_000:
            os.utime(path, (later, later))
    assert not planned(snakemake(workdir, "-n"))


@pytest.mark.parametrize(
    "lost, target, made",
    [
        (
            "coexpression/late/pairs.tsv",
            "coexpression",
            {"correlate_genes": 1, "choose_pairs": 1, "score_pairs": 2},
        ),
        (
            "landscape/genes.tsv",
            "landscape",
            {"build_landscape": 1, "place_clusters": 1, "plot_landscape": 1},
        ),
        ("landscape/figures/map-age.png", "landscape", {"plot_landscape": 1}),
    ],
)
def test_a_lost_file_is_made_when_it_is_asked_for_and_nothing_else(workdir, snakemake, lost, target, made):
    (workdir / "results/tiny" / lost).unlink()
    rules = planned(snakemake(workdir, "-n", target))
    rules.pop(target)
    assert {rule: len(reasons) for rule, reasons in rules.items()} == made
    assert not planned(snakemake(workdir, "-n"))  # the report rests on nothing that changed


def test_the_workflow_is_a_module_of_another(tmp_path):
    (tmp_path / "Snakefile").write_text(
        f"""
configfile: "mine.yaml"

module panscape:
    snakefile: "{ROOT / "Snakefile"}"
    config: config["panscape"]

use rule * from panscape as panscape_*

rule mine:
    default_target: True
    input: "results/tiny/preprocess/qc.tsv"
    output: "mine.txt"
    shell: "wc -l {{input}} > {{output}}"
"""
    )
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"panscape": yaml.safe_load(TINY.read_text())}))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "rule panscape_collect_qc:" in run.stderr and "results/tiny" in (tmp_path / "mine.txt").read_text()


def test_tools_that_look_below_workflow_find_the_same(tmp_path):
    runs = [dry_run(tmp_path, ROOT / name) for name in ("Snakefile", "workflow/Snakefile")]
    root, below = (set(planned(run)) for run in runs)
    assert below - {"default"} == root and "write_report" in root
