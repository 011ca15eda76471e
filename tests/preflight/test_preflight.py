"""What preflight tells is what will be queued, and is near what was measured."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from panscape.config.load import load
from panscape.data.size import Size
from panscape.pipeline import resources
from panscape.pipeline.preflight import __main__ as preflight
from panscape.pipeline.preflight.checks import concerns
from panscape.pipeline.preflight.cost import disk_mb, expected_seconds
from panscape.pipeline.preflight.jobs import Job, parse
from panscape.pipeline.preflight.show import stages

ROOT = Path(__file__).parents[2]
# runs of before: settings; sizes of the studies (cells, genes, stored counts, as their headers tell; of a
# sample with its peaks); and of every job rule, study (or sample, or one of `uses`; all if empty), seconds
# (of processor time in runs with `uses`, because the machine was shared) and peak memory in MB
MEASURED = json.loads(Path(__file__).with_name("measured.json").read_text())
BY_NAME = [pytest.param(run, id=run["collection"]) for run in MEASURED]
STAGES = {
    rule: path.stem
    for path in (ROOT / "workflow/rules").glob("*.smk")
    for rule in re.findall(
        r"^(?:rule|checkpoint|use rule \w+ as) (\w+)(?: with)?:$", path.read_text(), re.MULTILINE
    )
}
LIKELY = 4  # likely and measured time differ by this factor at most, or by
SECONDS = 30
GENEROUS = 21  # what is asked for is this many times the memory used, at most


def complete(settings, studies=("one",)):
    raw = {**settings, "collection": "x", "studies": [{"id": name, "path": "x.h5ad"} for name in studies]}
    raw["landscape"] = {"root": "none", **raw.get("landscape", {})}
    return load(raw)


def jobs_of(run):
    """Yield rule, sizes read, seconds and memory of the measured jobs, and the configuration."""
    config = complete(run["settings"], [name for name in run["studies"] if ":" not in name])
    sizes = {name: Size(*numbers) for name, numbers in run["studies"].items()}
    units = {name: [size] for name, size in sizes.items()} | {"": list(sizes.values())}
    units |= {use: [sizes[name] for name in names] for use, names in run.get("uses", {}).items()}
    for rule, unit, seconds, memory in run["jobs"]:
        yield rule, units[unit], seconds, memory, config


def test_every_rule_was_measured():
    assert {job[0] for run in MEASURED for job in run["jobs"]} == set(resources.FORMULAS)


@pytest.mark.parametrize("run", BY_NAME)
def test_jobs_ask_for_enough_memory_and_time_and_not_absurdly_much(run):
    for rule, read, seconds, memory, config in jobs_of(run):
        asked = resources.needs(rule, "mem_mb", read, config)
        assert memory + resources.ENGINE_MB <= asked <= GENEROUS * memory, (rule, memory, asked)
        assert seconds / 60 <= resources.needs(rule, "runtime", read, config), (rule, seconds)


@pytest.mark.parametrize("run", BY_NAME)
def test_likely_times_are_near_those_measured(run):
    for rule, read, seconds, _, config in jobs_of(run):
        expected = expected_seconds(rule, read, config)
        near = seconds / LIKELY <= expected <= seconds * LIKELY or abs(expected - seconds) <= SECONDS
        assert near, (rule, seconds, expected)


@pytest.mark.parametrize("run", [param for param in BY_NAME if "disk_mb" in param.values[0]])
def test_space_is_near_that_measured(run):
    expected = dict.fromkeys(run["disk_mb"], 0)
    for rule, read, *_, config in jobs_of(run):
        if STAGES[rule] in expected:
            expected[STAGES[rule]] += disk_mb(rule, read, config)
    for stage, measured in run["disk_mb"].items():
        assert measured <= expected[stage] <= 6 * measured, stage


def test_the_command_finds_the_workflow():
    assert preflight.ROOT == ROOT and preflight.DEMO.is_file()


def test_more_cells_never_ask_for_less():
    config = complete({})
    for rule in resources.FORMULAS:
        for resource in ("mem_mb", "runtime"):
            asked = [
                resources.needs(rule, resource, [Size(cells, 20_000, 2000 * cells)], config)
                for cells in (1000, 10_000, 100_000, 1_000_000)
            ]
            assert asked == sorted(asked), (rule, resource)


def test_a_dry_run_is_read():
    text = """
rule find_panclusters:
    input: a, b
    output: c
    log: logs/x/panclust/one/find_panclusters.log
    jobid: 3
    wildcards: collection=x, study=one
    threads: 2
    resources: tmpdir=/tmp, mem_mb=912, mem=912 MB, runtime=11, gpu=1
checkpoint plan_lines:
    log: logs/x/sivae/plan_lines.log
    resources: tmpdir=/tmp, mem_mb=1500, runtime=10
localrule all:
    input: results/x/report.html
    resources: tmpdir=/tmp
"""
    first, second = parse(text)
    wildcards = {"collection": "x", "study": "one"}
    assert first == Job("find_panclusters", "panclust", wildcards, 2, 912, 11, 1)
    assert (second.rule, second.stage, second.gpus) == ("plan_lines", "sivae", 0)


def test_jobs_are_judged_by_the_studies_that_they_read():
    studies = [("big", "landscape"), ("donors", "sivae"), ("cells", "unicoord"), ("new", "unicoord")]
    raw = {"collection": "x", "landscape": {"root": "none"}}
    raw["studies"] = [{"id": name, "path": "x.h5ad", "use": [use]} for name, use in studies]
    raw["unicoord"] = {
        "labels": [{"name": "type", "kind": "discrete"}],
        "tables": ["x.tsv"],
        "apply": {"studies": ["new"]},
    }
    config = load(raw)
    small, large = Size(1000, 2000, 10**6), Size(10**6, 20_000, 10**9)
    sizes = {"big": large, "donors": small, "cells": small, "new": Size(3000, 2000, 2 * 10**6)}
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    asked = re.findall(r'needs\("(\w+)", "mem_mb"(?:, use="(\w+)")?\)', text)
    assert len(asked) > 50
    for rule, use in asked:
        stage = STAGES[rule]
        if stage == "metacells" or rule == "transfer_labels":  # of samples; of panclusters, for coordinates
            continue
        row = stages([Job(rule, stage)], sizes, config).iloc[0]
        read = {"sivae": "donors", "unicoord": "cells", "annotation": "new"}.get(use, "big")
        likely = expected_seconds(rule, [sizes[read]], config)
        assert row["likely_minutes"] * 60 == pytest.approx(likely), rule


def report(tmp_path, raw):
    path = tmp_path / "collection.yaml"
    path.write_text(yaml.safe_dump(raw))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    command += ["--configfile", path, "--cores", "1", "--quiet", "all", "--", "preflight"]
    began = time.monotonic()
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert time.monotonic() - began < 200  # it takes seconds; the limit is for a busy machine
    assert not (tmp_path / "results").exists()
    return run.stdout


def test_preflight_counts_the_jobs_and_their_devices(tmp_path):
    age = {"column": "age", "unit": "days"}
    raw = {
        "collection": "x",
        "studies": [
            {"id": "one", "simulated": "one", "use": ["landscape"], "obs": {"age": age}},
            {"id": "lines", "simulated": "lines", "use": ["sivae"], "obs": {"line": "line"}},
        ],
        "simulation": {
            "studies": [{"name": "one", "cells": 900, "ages": [1, 9]}],
            "lines": [{"name": "lines", "lines": 5, "cells": 120}],
        },
        "panclust": {"min_cells": 400},
        "dictionary": {"k": 40},
        "report": {"sivae": True, "dictionary": True},
    }
    text = report(tmp_path, raw)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    # plan, place, collect and plot are the engine's; with five lines of three models each, one job trains
    assert rows["sivae"][2] == "1" and rows["panclust"][1:3] == ["1", "-"]
    assert "2 studies, 1,500 cells" in text
    for problem in ("study 'one': has 900 cells", "dictionary.k: up to 40 entries", "K is too large"):
        assert problem in text, text


def test_lines_that_are_too_small_are_told(tmp_path):
    raw = {
        "collection": "x",
        "studies": [{"id": "lines", "simulated": "lines", "use": ["sivae"], "obs": {"line": "line"}}],
        "simulation": {"lines": [{"name": "lines", "lines": 5, "cells": 60}]},
        "report": {"sivae": True},
    }
    text = report(tmp_path, raw)
    assert "sivae.min_cells: no line has" in text and "the largest has 60" in text


@pytest.mark.parametrize(
    "settings, cells, expected",
    [
        ({"k": 100}, 300, ["metacells.k"]),
        ({"k": 50}, 300, []),
        ({"k": 100, "pool": True}, 300, []),
        ({}, 8, ["metacells.cells_per_metacell"]),
    ],
)
def test_more_metacells_than_a_sample_has_cells_for_are_told(settings, cells, expected):
    use = {"use": ["metacells"]}
    studies = [{"id": "one", "path": "x.h5ad", **use}, {"id": "two", "path": "x.h5ad", **use}]
    config = load({"collection": "x", "studies": studies, "metacells": settings})
    sizes = {"one": Size(cells, 100, 1000), "two": Size(9000, 100, 1000)}
    problems = concerns(config, sizes, [], machine_mb=1e5, free_mb=1e5)
    assert [problem.where for problem in problems] == expected
    assert all("one: " in problem.what for problem in problems)


def test_a_plan_without_jobs():
    assert parse("Nothing to be done (all requested files are present and up to date).") == []


@pytest.mark.parametrize("distance, told", [("thresholded", True), ("corrected", False)])
def test_intervals_that_the_distance_cannot_give_are_told(distance, told):
    from panscape.pipeline.preflight.show import _intervals

    config = load(
        {
            "collection": "x",
            "studies": [{"id": "one", "path": "x.h5ad", "obs": {"age": "age"}}],
            "landscape": {"distance": distance},
        }
    )
    jobs = [Job("place_clusters", "landscape", {"collection": "x"})]
    text = "\n".join(_intervals(config, jobs))
    assert ("no intervals with landscape.distance: thresholded: they need corrected" in text) == told
    assert not _intervals(config, [])
    config["landscape"]["pseudotime_draws"] = 0
    assert not _intervals(config, jobs)
