"""One line per finished job, and jobs that write only warnings to the terminal."""

import io
import logging
import subprocess
import sys

import pytest

from panscape.log import QUIET
from panscape.pipeline.lines import STREAM, JobLines, attach, described, time_left


@pytest.fixture
def terminal():
    """Return a logger with the engine's handler of the terminal and one of a file, with what they wrote."""
    logger = logging.Logger("engine")
    texts = io.StringIO(), io.StringIO()
    for name, text in zip((STREAM, "file"), texts, strict=True):
        handler = logging.StreamHandler(text)
        handler.name = name
        logger.addHandler(handler)
    return logger, *texts


def say(logger, event=None, message="", level=logging.INFO, **fields):
    logger.log(level, message, extra={"event": event, **fields} if event else fields)


def started(logger, number, rule, **wildcards):
    say(logger, "job_info", f"Rule: {rule}", jobid=number, rule_name=rule, wildcards=wildcards,
        output=[f"results/demo/{rule}/a.tsv", "results/demo/b.tsv"])  # fmt: skip


def finished(logger, number, done, total):
    say(logger, "job_finished", f"Finished jobid: {number}", job_id=number)
    say(logger, "progress", done=done, total=total)


def test_a_finished_job_is_one_line_and_the_file_stays_complete(terminal, monkeypatch):
    monkeypatch.delenv(QUIET, raising=False)
    logger, shown, file = terminal
    assert attach(logger)
    say(logger, message="Select jobs to execute...")
    started(logger, 7, "plot_qc", collection="demo", study="early")
    finished(logger, 7, 1, 9)
    (line,) = shown.getvalue().splitlines()
    assert line.split("  ")[1:4] == ["1/9", "plot_qc early", "plot_qc/a.tsv (+1)"]
    assert "Finished jobid: 7" in file.getvalue() and "Select jobs" in file.getvalue()


def test_errors_and_other_messages_are_left_alone(terminal, monkeypatch):
    monkeypatch.delenv(QUIET, raising=False)
    logger, shown, _ = terminal
    attach(logger)
    say(logger, "job_error", "Error in rule plot_qc", level=logging.ERROR)
    say(logger, message="Execute permission is missing", level=logging.ERROR)
    say(logger, message="Nothing to be done")
    assert shown.getvalue().splitlines() == [
        "Error in rule plot_qc", "Execute permission is missing", "Nothing to be done",
    ]  # fmt: skip


def test_the_time_left_is_estimated_from_five_jobs_on(monkeypatch):
    text = io.StringIO()
    lines = JobLines(logging.StreamHandler(text))
    lines.begun -= 100
    logger = logging.Logger("engine")
    logger.addHandler(lines)
    for number in range(1, 7):
        started(logger, number, "score")
        finished(logger, number, number + 2, 12)  # two were done before
    shown = text.getvalue().splitlines()
    assert ["left" in line for line in shown] == [False] * 4 + [True] * 2
    assert "about 1 min 40 s left" in shown[4]
    assert time_left(100, 5, 0) == ""


def test_a_logger_without_the_terminals_handler_is_left_alone():
    assert not attach(logging.Logger("engine"))
    assert described({"rule_name": "all", "output": []}) == "all"


@pytest.mark.parametrize("quiet", ["", "1"])
def test_quiet_jobs_write_warnings_to_the_terminal_and_everything_to_the_log(tmp_path, quiet):
    code = (
        "import sys, warnings; from panscape.log import logger, start_log; start_log(sys.argv[1]);"
        "logger.info('detail'); logger.warning('look'); warnings.warn('foreign')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path), QUIET: quiet},
    )  # fmt: skip
    log = (tmp_path / "log").read_text()
    assert all(word in log for word in ("detail", "look", "foreign"))
    assert "look" in run.stderr
    assert ("detail" in run.stderr) == ("foreign" in run.stderr) == (not quiet)
