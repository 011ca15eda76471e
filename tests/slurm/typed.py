"""Commands typed at the root of a checkout, and what their logs tell."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TARGETS = ["all", "sivae", "unicoord", "metacells"]
QUICK = ["--slurm-init-seconds-before-status-checks", "6", "--latency-wait", "15"]
BLOCKS = ["--quiet", "host"]  # what rules ask for, instead of the profile's line per finished job


@dataclass
class Run:
    """A snakemake command under way in a checkout, as typed at its root."""

    folder: Path
    process: subprocess.Popen
    log: Path
    began: float

    def finish(self, timeout=600) -> str:
        """Wait for the end and return the log; the command must succeed."""
        code = self.process.wait(timeout)
        text = self.log.read_text()
        assert code == 0, text[-6000:]
        return text

    def kill(self):
        """End it at once, with no chance to clean up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _heed_ctrl_c():
    """Heed SIGINT, which a shell makes its background jobs ignore, and so also tests that run as one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder, *arguments, profile="slurm", blocks=True) -> Run:
    """Type ``snakemake --profile slurm`` at the root of a checkout; `blocks` tells what rules ask for."""
    log = folder / f"typed-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "snakemake", *arguments, "--profile", profile, *QUICK]
    command += [*(BLOCKS if blocks else ()), "--configfile", "collection.yaml"]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, stdout=file, stderr=file, start_new_session=True, preexec_fn=_heed_ctrl_c
        )
    return Run(folder, process, log, time.time())


@dataclass
class Job:
    """What the engine says of a job: its rule and what it asks for."""

    rule: str
    resources: dict[str, str]


def submitted(log: str) -> dict[str, Job]:
    """Return {SLURM job: what its rule asks for}, as the log of the main process tells."""
    asked: dict[str, Job] = {}  # by the engine's own number; told anew at every attempt
    options = {}
    rule, fields = "", {}
    for line in log.splitlines():
        if match := re.match(r"(?:local)?(?:rule|checkpoint) (\w+):$", line):
            rule, fields = match[1], {}
        elif match := re.match(r"    (\w+): (.*)$", line):
            fields[match[1]] = match[2]
            if match[1] == "resources":
                resources = dict(item.split("=", 1) for item in match[2].split(", "))
                resources["threads"] = fields.get("threads", "1")
                asked[fields["jobid"]] = Job(rule, resources)
        elif match := re.match(r"Job (\d+) has been submitted with SLURM jobid (\d+)", line):
            options[match[2]] = asked[match[1]]
    return options
