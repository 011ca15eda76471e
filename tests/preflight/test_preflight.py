"""What preflight tells is what will be queued, and is near what was measured."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from panscape import config as configuration
from panscape import preflight, sizes
from panscape.sizes import Size

ROOT = Path(__file__).parents[2]
# runs of before: settings, sizes of the studies (cells, genes, stored counts, as their headers tell), and of
# every job rule, study, seconds and peak memory in MB
MEASURED = json.loads(Path(__file__).with_name("measured.json").read_text())
BY_NAME = [pytest.param(run, id=run["collection"]) for run in MEASURED]
LIKELY = 4  # likely and measured time differ by this factor at most, or by
SECONDS = 30
GENEROUS = 21  # what is asked for is this many times the memory used, at most


def complete(settings, studies=("one",)):
    raw = {**settings, "collection": "x", "studies": [{"id": name, "path": "x.h5ad"} for name in studies]}
    raw["landscape"] = {**raw.get("landscape", {}), "root": "none"}
    return configuration.load(raw)


def jobs_of(run):
    """Yield rule, sizes read, seconds and memory of the measured jobs, and the configuration."""
    config = complete(run["settings"], run["studies"])
    found = {name: Size(*numbers) for name, numbers in run["studies"].items()}
    for rule, unit, seconds, memory in run["jobs"]:
        yield rule, [found[unit]] if unit in found else list(found.values()), seconds, memory, config


@pytest.mark.parametrize("run", BY_NAME)
def test_jobs_ask_for_enough_memory_and_time_and_not_absurdly_much(run):
    for rule, read, seconds, memory, config in jobs_of(run):
        asked = sizes.needs(rule, "mem_mb", read, config)
        assert memory + sizes.ENGINE_MB <= asked <= GENEROUS * memory, (rule, memory, asked)
        assert seconds / 60 <= sizes.needs(rule, "runtime", read, config), (rule, seconds)


@pytest.mark.parametrize("run", BY_NAME)
def test_likely_times_are_near_those_measured(run):
    for rule, read, seconds, _, config in jobs_of(run):
        told = preflight.expected_seconds(rule, read, config)
        near = seconds / LIKELY <= told <= seconds * LIKELY or abs(told - seconds) <= SECONDS
        assert near, (rule, seconds, told)


@pytest.mark.parametrize("run", [param for param in BY_NAME if "disk_mb" in param.values[0]])
def test_space_is_near_that_measured(run):
    config = complete(run["settings"], run["studies"])
    rules = {"preprocess": "filter_cells", "panclust": "find_panclusters"}
    for stage, rule in rules.items():
        told = sum(preflight.disk_mb(rule, [Size(*numbers)], config) for numbers in run["studies"].values())
        assert run["disk_mb"][stage] <= told <= 6 * run["disk_mb"][stage]


def test_more_cells_never_ask_for_less():
    config = complete({})
    for rule in sizes.FORMULAS:
        for resource in ("mem_mb", "runtime"):
            asked = [
                sizes.needs(rule, resource, [Size(cells, 20_000, 2000 * cells)], config)
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
    first, second = preflight.parse(text)
    wildcards = {"collection": "x", "study": "one"}
    assert first == preflight.Job("find_panclusters", "panclust", wildcards, 2, 912, 11, 1)
    assert (second.rule, second.stage, second.gpus) == ("plan_lines", "sivae", 0)


def told(tmp_path, raw):
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
    text = told(tmp_path, raw)
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
    text = told(tmp_path, raw)
    assert "sivae.min_cells: no line has" in text and "the largest has 60" in text
