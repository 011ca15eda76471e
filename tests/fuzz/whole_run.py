"""A whole run of every stage as a user types it, and what each of its jobs read and wrote."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT / "tests/slurm/collection.yaml"  # every stage, as little as it takes
ADDED = {
    "dictionary": {"k_range": [2, 4], "starts": 2, "max_iter": 20, "min_panclusters": 3},
    "features": {"set_sizes": [2, 500], "top_fraction": 0.3, "groups": 4, "trees": 20},
    "networks": {"gene_sets": ["resources/small/simulated/truth/lines/modules.gmt"], "permutations": 200},
}
FRESH = "fresh"  # a study that is annotated, not trained on
STAGES = [
    "preprocess", "panclust", "coexpression", "landscape", "dictionary", "programs", "features", "sivae",
    "networks", "metacells", "unicoord",
]  # fmt: skip
ON_DEMAND = ["dictionary", "features", "metacells", "networks", "sivae", "unicoord"]  # parts of the report
RESULTS = Path("results/small")
_DAMAGED = re.compile(
    r"(\S+): is damaged or was edited: not what rule \w+ wrote \(.*?\)"
    r" -> delete (\S+) and run the same command again"
)


@dataclass
class Job:
    """A job of a finished run: its rule, what it read, what it wrote, and its log."""

    rule: str
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    log: str = ""


def write_collection(path: Path) -> None:
    """Write the configuration of a collection with every stage, annotation and a report of all."""
    config = yaml.safe_load(COLLECTION.read_text())
    late = next(study for study in config["studies"] if study["id"] == "late")
    config["studies"].append(late | {"id": FRESH, "simulated": FRESH, "use": ["unicoord"]})
    drawn = next(study for study in config["simulation"]["studies"] if study["name"] == "late")
    config["simulation"]["studies"].append(drawn | {"name": FRESH})
    config["unicoord"]["apply"] = {"studies": [FRESH]}
    path.write_text(yaml.safe_dump(config | ADDED | {"report": dict.fromkeys(ON_DEMAND, True)}))


def type_command(folder: Path, *targets: str, timeout: int = 1800) -> subprocess.CompletedProcess:
    """Run snakemake in a folder with the collection that lies in it."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", "2", "--keep-going", *targets, "--configfile", folder / "collection.yaml"]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout)


def jobs_of(folder: Path) -> list[Job]:
    """Return the jobs of a finished run, by Snakemake's records of its files."""
    jobs: dict[tuple, Job] = defaultdict(lambda: Job(""))
    kept = folder / ".snakemake/metadata"
    for path in sorted(kept.rglob("*")):
        if path.is_dir():
            continue
        record = json.loads(path.read_text())
        name = "".join(path.relative_to(kept).parts).replace("@", "")
        job = jobs[record["rule"], tuple(record["log"])]
        job.rule, job.log = record["rule"], record["log"][0] if record["log"] else ""
        job.inputs |= set(record["input"])
        job.outputs.add(base64.b64decode(name).decode())
    return list(jobs.values())


def told(folder: Path, jobs: list[Job]) -> dict[str, str]:
    """Return {damaged file: what to delete} as the logs of jobs say it."""
    found = {}
    for job in jobs:
        log = folder / job.log
        text = log.read_text() if log.is_file() else ""
        assert "Traceback" not in text, text[-3000:]
        found |= {name: name if cure == "it" else cure for name, cure in _DAMAGED.findall(text)}
    return found
