"""The output of a run as one line per finished job, instead of the engine's blocks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from panscape.log import QUIET
from panscape.report.format import duration

STREAM = "DefaultStreamHandler"  # the name of the engine's handler of the terminal
_HIDDEN = ("Select jobs to execute...", "Execute ")
_SILENT = {"job_started", "job_finished", "resources_info", "group_info"}
FIRST_ESTIMATE = 5  # finished jobs before the time left is estimated


class JobLines(logging.Handler):
    """Write one line per finished job; other messages, errors first of all, are left to the engine's handler.

    Parameters
    ----------
    inner
        The engine's handler of the terminal.

    Examples
    --------
    >>> import io
    >>> inner = logging.StreamHandler(io.StringIO())
    >>> lines = JobLines(inner)
    >>> started = {"event": "job_info", "jobid": 3, "rule_name": "plot_qc", "wildcards": {"study": "early"}}
    >>> lines.emit(logging.makeLogRecord(started | {"output": ["results/demo/preprocess/early/qc.png"]}))
    >>> lines.emit(logging.makeLogRecord({"event": "job_finished", "job_id": 3}))
    >>> lines.emit(logging.makeLogRecord({"event": "progress", "done": 1, "total": 4}))
    >>> inner.stream.getvalue().split("  ", 1)[1].split(" s")[0]
    '1/4  plot_qc early  preprocess/early/qc.png  0.0'
    """

    def __init__(self, inner: logging.Handler) -> None:
        super().__init__()
        self.inner = inner
        self.started: dict[int, tuple[float, str]] = {}
        self.finished: list[str] = []
        self.begun = time.monotonic()
        self.done_before: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, remember a job, or hand the record on."""
        event = str(getattr(record, "event", None) or "")
        if event == "job_info":
            self.started[record.jobid] = (time.monotonic(), described(record.__dict__))  # type: ignore[attr-defined]
        elif event == "job_finished" and record.job_id in self.started:  # type: ignore[attr-defined]
            since, text = self.started.pop(record.job_id)  # type: ignore[attr-defined]
            self.finished.append(f"{text}  {duration(time.monotonic() - since)}")
        elif event == "progress":
            self.write(int(record.done), int(record.total))  # type: ignore[attr-defined]
        elif event in _SILENT or (record.levelno <= logging.INFO and str(record.msg).startswith(_HIDDEN)):
            return
        else:
            self.inner.handle(record)

    def write(self, done: int, total: int) -> None:
        """Write the lines of the jobs that finished since the last call.

        Parameters
        ----------
        done, total
            Finished jobs, and jobs of the run.
        """
        if self.done_before is None:
            self.done_before = done - len(self.finished)
        left = time_left(time.monotonic() - self.begun, done - self.done_before, total - done)
        for at, text in enumerate(self.finished, done - len(self.finished) + 1):
            line = f"{time.strftime('%H:%M:%S')}  {at}/{total}  {text}{left if at == done else ''}"
            self.inner.handle(
                logging.makeLogRecord({"msg": line, "levelno": logging.INFO, "levelname": "INFO"})
            )
        self.finished = []


def described(job: Mapping[str, Any]) -> str:
    """Return a job's rule, its unit and its first file, e.g. ``plot_qc early  preprocess/early/qc.png (+1)``.

    Parameters
    ----------
    job
        What the engine says of it: rule_name, wildcards, output.

    Examples
    --------
    >>> described({"rule_name": "write_report", "output": ["results/demo/a.html", "results/demo/b.md"]})
    'write_report  a.html (+1)'
    """
    units = [str(value) for name, value in dict(job.get("wildcards") or {}).items() if name != "collection"]
    files = [str(path) for path in job.get("output") or ()]
    parts = files[0].split("/") if files else []
    shown = "/".join(parts[2:] if len(parts) > 2 and parts[0] in ("results", "resources") else parts)
    more = f" (+{len(files) - 1})" if len(files) > 1 else ""
    return f"{' '.join([str(job['rule_name']), *units])}  {shown}{more}".rstrip()


def time_left(elapsed: float, done: int, left: int) -> str:
    """Return the time that the other jobs need at the mean pace so far; empty for too few finished jobs.

    Examples
    --------
    >>> time_left(60, 10, 20)
    ', about 2 min 00 s left'
    >>> time_left(60, 1, 20)
    ''
    """
    return f", about {duration(elapsed / done * left)} left" if done >= FIRST_ESTIMATE and left else ""


def attach(logger: logging.Logger) -> bool:
    """Replace the engine's handler of the terminal by job lines; of jobs it then shows warnings only.

    Parameters
    ----------
    logger
        The engine's logger. Its log file stays complete.

    Returns
    -------
    Whether there was such a handler.
    """
    for inner in [handler for handler in logger.handlers if handler.name == STREAM]:
        logger.removeHandler(inner)
        logger.addHandler(JobLines(inner))
        os.environ[QUIET] = "1"
        return True
    return False
