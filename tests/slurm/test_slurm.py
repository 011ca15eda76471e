"""The workflow on a real SLURM: what jobs ask for, and what happens when jobs, nodes and the command die."""

import hashlib
import os
import re
import shutil
import signal
import time
from pathlib import Path

import cluster as slurm
import h5py
import numpy as np
import pytest
from typed import TARGETS, start, submitted

from panscape.data import digests as records

RESULTS = Path("results/small")
TRAINING = {  # what each rule that trains makes, and its log
    "train_lines": ("sivae/jobs/job-0", "sivae/job-0/train_lines.log"),
    "train_unicoord": ("unicoord/model", "unicoord/train_unicoord.log"),
    "embed_cells": ("metacells/multi/embedding.h5ad", "metacells/multi/embed_cells.log"),
}
CHEAP = RESULTS / "panclust/early/clusters.tsv"
OTHER = RESULTS / "metacells/multi/figures/map.png"


def digests(folder):
    """Return the SHA-256 of what every result holds (of HDF5 files the values, which also keep addresses)."""
    by_file = {}
    for path in sorted((folder / RESULTS).rglob("*")):
        if path.suffix in (".tsv", ".gz", ".npz", ".svg", ".safetensors"):
            by_file[str(path.relative_to(folder))] = records.sha256(path)
        elif path.suffix in (".h5ad", ".h5mu"):
            by_file[str(path.relative_to(folder))] = _values(path)
    assert len(by_file) > 30
    return by_file


def _values(path):
    digest = hashlib.sha256()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + repr(np.asarray(item[()]).tolist()).encode())

    with h5py.File(path) as file:
        file.visititems(add)
    return digest.hexdigest()


def wait(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


def trains(pid):
    """Tell whether a process has come to its training: it catches SIGTERM from then on."""
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught[1], 16) & 1 << (signal.SIGTERM - 1))


def freeze(cluster, rule, ready=lambda pid: True):
    """Wait for the script of a rule to run and be ready, stop it as if it hung; return job and process."""

    def look():
        for job in cluster.active(rule):
            for pid in cluster.processes(job["node"], f".{rule}.py") if job["node"] else []:
                # its shell has the same words in its command line
                if Path(f"/proc/{pid}/comm").read_text().startswith("python") and ready(pid):
                    return job, pid
        return None

    job, pid = wait(look, f"{rule} to run")
    os.kill(pid, signal.SIGSTOP)
    return job, pid


def attempts(cluster, run, rule):
    """Return the accounting of every attempt at a rule, once SLURM has written the last."""

    def settled():
        rows = [row for row in cluster.jobs(run.began) if f"rule_{rule}_" in row["comment"]]
        return rows if rows and rows[-1]["state"] == "COMPLETED" else None

    return wait(settled, f"the accounting of {rule}", 60)


def lose(checkout, path):
    """Delete a result."""
    if (checkout / path).is_dir():
        shutil.rmtree(checkout / path)
    else:
        (checkout / path).unlink()


# ---- an undisturbed run ------------------------------------------------------------


def test_jobs_ask_for_what_their_rules_say(cluster, undisturbed):
    run, log = undisturbed
    asked = submitted(log)
    rows = {row["jobid"]: row for row in cluster.jobs(run.began)}
    assert len(rows) >= 12 and set(rows) == set(asked)
    for number, row in rows.items():
        job = asked[number]
        requested = dict(item.split("=") for item in row["reqtres"].split(","))
        assert row["state"] == "COMPLETED", row
        assert row["comment"].startswith(f"rule_{job.rule}_")
        assert requested["mem"] == f"{job.resources['mem_mb']}M"
        assert row["timelimitraw"] == job.resources["runtime"]
        assert requested["cpu"] == job.resources["threads"]


def test_training_gets_a_gpu_and_nothing_else_does(cluster, undisturbed):
    run, log = undisturbed
    asked = submitted(log)
    trained = {job.rule for job in asked.values() if job.resources.get("gpu") == "1"}
    assert trained == set(TRAINING)
    for row in cluster.jobs(run.began):
        if asked[row["jobid"]].rule in trained:
            assert "gres/gpu=1" in row["alloctres"] and row["partition"] == "gpu"
            assert row["nodelist"] == slurm.GPU_NODE
        else:
            assert "gpu" not in row["alloctres"] and row["nodelist"] in slurm.CPU_NODES


def test_a_second_run_submits_nothing(cluster, checkout):
    run = start(checkout, *TARGETS)
    assert "Nothing to be done" in run.finish()
    assert not cluster.jobs(run.began)


# ---- faults ------------------------------------------------------------


def test_a_cancelled_job_is_run_again(cluster, undisturbed, checkout):
    lose(checkout, CHEAP)
    run = start(checkout, str(CHEAP))
    job, _ = freeze(cluster, "find_panclusters")
    cluster.run("scancel", job["jobid"])
    run.finish()
    states = [row["state"] for row in attempts(cluster, run, "find_panclusters")]
    assert states == ["CANCELLED by 0", "COMPLETED"]
    assert digests(checkout) == digests(undisturbed[0].folder)


def test_a_dead_node_is_avoided(cluster, undisturbed, checkout):
    lose(checkout, CHEAP)
    run = start(checkout, str(CHEAP))
    job, _ = freeze(cluster, "find_panclusters")
    cluster.kill_node(job["node"])
    try:
        run.finish()
        first, second = attempts(cluster, run, "find_panclusters")
    finally:
        cluster.revive(job["node"])
    assert first["state"] == "NODE_FAIL" and second["state"] == "COMPLETED"
    assert first["nodelist"] != second["nodelist"]
    assert digests(checkout) == digests(undisturbed[0].folder)


def test_a_job_out_of_time_gets_more(cluster, undisturbed, checkout):
    lose(checkout, CHEAP)
    run = start(checkout, str(CHEAP), "--set-resources", "find_panclusters:runtime=attempt")
    freeze(cluster, "find_panclusters")
    run.finish()
    rows = attempts(cluster, run, "find_panclusters")
    assert [(row["state"], row["timelimitraw"]) for row in rows] == [("TIMEOUT", "1"), ("COMPLETED", "2")]
    assert digests(checkout) == digests(undisturbed[0].folder)


def test_a_job_out_of_memory_gets_more(cluster, undisturbed, checkout):
    lose(checkout, CHEAP)
    run = start(checkout, str(CHEAP), "--set-resources", "find_panclusters:mem_mb=300*4**(attempt-1)")
    run.finish()
    rows = attempts(cluster, run, "find_panclusters")
    assert [row["reqmem"] for row in rows] == ["300M", "1200M"]
    assert rows[0]["state"] in ("FAILED", "OUT_OF_MEMORY") and rows[1]["state"] == "COMPLETED"
    log = checkout / f".snakemake/slurm_logs/rule_find_panclusters/small_early/{rows[0]['jobid']}.log"
    assert "exceeded memory limit" in log.read_text() or rows[0]["state"] == "OUT_OF_MEMORY"
    assert digests(checkout) == digests(undisturbed[0].folder)


def test_a_job_that_fails_to_the_end_stops_no_other(cluster, undisturbed, checkout):
    lose(checkout, CHEAP)
    lose(checkout, OTHER)
    less = ("--set-resources", "find_panclusters:mem_mb=100")
    run = start(checkout, str(CHEAP), str(OTHER), *less, blocks=False)
    assert run.process.wait(600) == 1
    rows = [row for row in cluster.jobs(run.began) if "rule_find_panclusters_" in row["comment"]]
    assert len(rows) == 4 and "COMPLETED" not in {row["state"] for row in rows}  # retries: 3
    assert (checkout / OTHER).is_file() and not (checkout / CHEAP).exists()
    text = run.log.read_text()
    assert "Error in rule find_panclusters" in text and f"{rows[-1]['jobid']}.log" in text
    start(checkout, str(CHEAP)).finish()
    assert digests(checkout) == digests(undisturbed[0].folder)


def test_ctrl_c_cancels_the_jobs(cluster, undisturbed, checkout):
    lose(checkout, CHEAP)
    run = start(checkout, str(CHEAP))
    freeze(cluster, "find_panclusters")
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.process.wait(120)
    wait(lambda: not cluster.active("find_panclusters"), "the job to be cancelled")
    start(checkout, str(CHEAP)).finish()  # the command leaves no lock behind
    assert digests(checkout) == digests(undisturbed[0].folder)


@pytest.mark.parametrize("orphan", ["cancelled", "finished"])
def test_a_killed_command_is_typed_again(cluster, undisturbed, checkout, orphan):
    lose(checkout, CHEAP)
    run = start(checkout, str(CHEAP))
    job, pid = freeze(cluster, "find_panclusters")
    run.kill()
    # the job outlives the command; two of one kind must not write at once
    if orphan == "cancelled":
        cluster.run("scancel", job["jobid"])
    else:
        os.kill(pid, signal.SIGCONT)
    wait(lambda: not cluster.active("find_panclusters"), "the orphan to end")
    start(checkout, "--unlock").finish()
    start(checkout, str(CHEAP)).finish()
    assert digests(checkout) == digests(undisturbed[0].folder)


@pytest.mark.parametrize("rule", TRAINING)
def test_cancelled_training_goes_on_where_it_was(cluster, undisturbed, checkout, rule):
    made, log = TRAINING[rule]
    log = checkout / "logs/small" / log
    lose(checkout, RESULTS / made)
    log.unlink()
    run = start(checkout, str(RESULTS / made))
    job, _ = freeze(cluster, rule, trains)
    cluster.run("scancel", job["jobid"])
    run.finish()
    assert [row["state"] for row in attempts(cluster, run, rule)] == ["CANCELLED by 0", "COMPLETED"]
    assert "resuming from the checkpoint" in log.read_text()
    assert digests(checkout) == digests(undisturbed[0].folder)
    assert not list((checkout / RESULTS).rglob("checkpoint.safetensors"))


def test_training_out_of_time_goes_on_where_it_was(cluster, undisturbed, checkout):
    made, log = TRAINING["train_lines"]
    log = checkout / "logs/small" / log
    lose(checkout, RESULTS / made)
    log.unlink()
    # set on the command line, resources replace all that the profile sets: its partition is told again
    less = ["train_lines:runtime=attempt", "train_lines:slurm_partition=gpu"]
    run = start(checkout, str(RESULTS / made), "--set-resources", *less)
    freeze(cluster, "train_lines", trains)
    run.finish()
    rows = attempts(cluster, run, "train_lines")
    assert [(row["state"], row["timelimitraw"]) for row in rows] == [("TIMEOUT", "1"), ("COMPLETED", "2")]
    assert "resuming from the checkpoint" in log.read_text()
    assert digests(checkout) == digests(undisturbed[0].folder)


def test_gpus_asked_for_as_gres(cluster, undisturbed, checkout):
    made, log = TRAINING["train_unicoord"]
    lose(checkout, RESULTS / made)
    run = start(checkout, str(RESULTS / made), profile="profiles/slurm-gres")
    text = run.finish()
    (row,) = attempts(cluster, run, "train_unicoord")
    assert "gres/gpu=1" in row["alloctres"] and row["nodelist"] == slurm.GPU_NODE
    assert submitted(text)[row["jobid"]].resources["gpu"] == "0"
    # the job knows that it was granted one: it looks for it, and tells that there is none behind a fake
    assert "sees no GPU" in (checkout / "logs/small" / log).read_text()
    assert digests(checkout) == digests(undisturbed[0].folder)
