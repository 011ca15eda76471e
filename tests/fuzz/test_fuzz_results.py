"""Damaged results of a whole run: a job names them, and what the message says to do makes them anew.

With ``make test-fuzz`` only, since a run of every stage takes minutes. PANSCAPE_FUZZ_SEED damages others.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from whole_run import RESULTS, STAGES, Job, jobs_of, told, type_command, write_collection

from panscape.data import digests
from panscape.pipeline.verify.records import verify

pytestmark = pytest.mark.skipif(not os.environ.get("PANSCAPE_FUZZ"), reason="minutes; make test-fuzz runs it")
SEED = int(os.environ.get("PANSCAPE_FUZZ_SEED", "0"))
# the rule that has to read a damaged result of a stage; nothing but the report needs what these rules write
READERS = {
    "preprocess": "collect_qc", "panclust": "plot_landscape", "landscape": "factorise_expression",
    "dictionary": "plot_dictionary", "programs": "plot_programs", "features": "plot_features",
    "sivae": "judge_engines", "networks": "plot_effects", "metacells": "plot_metacells",
    "unicoord": "plot_unicoord", "coexpression": "write_report",
}  # fmt: skip
LAST = ["coexpression/", "unicoord/annotation"]  # what only the report reads
REPORT = RESULTS / "report.html"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_collection(folder / "collection.yaml")
    run = type_command(folder)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "copy", symlinks=True))


def digests_of(folder: Path) -> dict[str, str]:
    """Return the recorded digest of every result but the report, which tells how long jobs took."""
    paths = [path for path in digests.recorded(folder / RESULTS) if path.stem != REPORT.stem]
    assert len(paths) > 150 and not verify(folder / RESULTS).damaged
    return {str(path.relative_to(folder)): digests.read(path).sha256 for path in paths}


def damaged(folder: Path, job: Job, part: str, rng: np.random.Generator) -> str:
    """Cut or change a result that a job reads, as a failing disk does, and return it.

    The names of the results begin with `part`.
    """
    given = [folder / name for name in sorted(job.inputs) if name.startswith(f"{RESULTS}/{part}")]
    own = [path for at in given for path in (digests.recorded(at) if at.is_dir() else [at])]
    path = own[int(rng.integers(len(own)))]
    content, kept = bytearray(path.read_bytes()), path.stat()
    at = int(rng.integers(len(content)))
    if rng.random() < 0.5:
        content[at] ^= 1 << int(rng.integers(8))
    else:
        del content[at:]
    path.write_bytes(content)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    return str(path.relative_to(folder))


def lose(folder: Path, job: Job) -> list[str]:
    """Delete what a job wrote and return it, to type it as the target."""
    for name in job.outputs:
        (folder / name).unlink()
    return sorted(job.outputs)


def cure(folder: Path, jobs: list[Job], targets: list[str], broken: set[str]) -> None:
    """Type a command that meets damaged results, do literally what its jobs say, and type it again."""
    run = type_command(folder, *targets)
    assert run.returncode
    named = told(folder, jobs)
    assert set(named) == broken
    for name in set(named.values()):  # "delete it and run the same command again, which makes it anew"
        delete = shutil.rmtree if (folder / name).is_dir() else os.remove
        delete(folder / name)
    run = type_command(folder, *targets)
    assert run.returncode == 0, run.stderr[-4000:]


def test_damaged_results_are_named_and_made_anew(folder: Path):
    before, jobs = digests_of(folder), jobs_of(folder)
    assert set(READERS) == set(STAGES)
    rng = np.random.default_rng([SEED, 18])
    broken, targets = set(), []
    for stage, rule in READERS.items():
        readers = [job for job in jobs if job.rule == rule]
        reader = readers[int(rng.integers(len(readers)))]
        if rule != "write_report":
            broken.add(damaged(folder, reader, f"{stage}/", rng))
            targets += lose(folder, reader)
    run = type_command(folder, "verify")
    assert run.returncode and all(f"DAMAGED {name}:" in run.stdout for name in broken), run.stdout
    cure(folder, jobs, targets, broken)
    # what reads results that were made anew: the next command would write it over what is damaged now
    run = type_command(folder)
    assert run.returncode == 0, run.stderr[-4000:]
    last = {damaged(folder, reader, part, rng) for part in LAST}
    (folder / REPORT).write_bytes((folder / REPORT).read_bytes()[:-100])
    run = type_command(folder, "verify")
    assert run.returncode and all(f"DAMAGED {name}:" in run.stdout for name in (*last, REPORT)), run.stdout
    lose(folder, reader)
    cure(folder, jobs, [], last)
    run = type_command(folder, "verify")
    assert run.returncode == 0, run.stdout
    assert digests_of(folder) == before
