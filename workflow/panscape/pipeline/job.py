"""Set-up of a job: log file, error messages, resource use."""

from __future__ import annotations

import atexit
import gc
import re
import resource
from pathlib import Path
from typing import Any

from panscape.data import digests
from panscape.data.limits import use_limits
from panscape.errors import UserError
from panscape.log import logger, start_log
from panscape.preprocess import losses


def begin(snakemake: Any) -> None:
    """Begin a job: log, uncaught exceptions, and the check of its input files.

    Log lines and uncaught exceptions go to the rule's log file. Errors for lack of cells or genes include the
    losses to quality control. The last line of the log gives the CPU time and peak memory of the job, since
    Snakemake's benchmark samples too rarely for short jobs. Outputs are recorded when they are written, and
    inputs compared with their records (:mod:`panscape.data.digests`).

    Parameters
    ----------
    snakemake
        The ``snakemake`` object of a script.

    Raises
    ------
    UserError
        If inputs are not what earlier jobs wrote; all are named.
    """
    log = str(snakemake.log[0])

    def explain(error: UserError) -> UserError:
        try:
            return losses.explained(error, losses.read_tables(log, _studies(snakemake)))
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            return error  # a damaged table must not hide the error that it would explain

    # the garbage collector passes over all that was imported again and again, at exit for .1 s (.4 s with
    # PyTorch); it leaves frozen objects out
    gc.freeze()
    atexit.register(gc.freeze)
    start_log(log, explain=explain)
    use_limits(snakemake.config.get("limits"))
    atexit.register(_log_use)
    digests.begin(snakemake.output, snakemake.rule)
    digests.check(*snakemake.input, collection=snakemake.config.get("collection", ""))


def _studies(snakemake: Any) -> list[str]:
    """Return the studies of a job, from its input files or else its wildcards."""
    files = [Path(path) for path in snakemake.input]
    named = [path.parent.name for path in files if path.parent.parent.name == "preprocess"]
    return list(dict.fromkeys(named or map(str, dict(snakemake.wildcards.items()).values())))


def _log_use() -> None:
    use = resource.getrusage(resource.RUSAGE_SELF)
    seconds, peak = use.ru_utime + use.ru_stime, _peak_kb() or use.ru_maxrss
    logger.info("used %.1f s of CPU time and at most %.0f MB of memory", seconds, peak / 1024)


def _peak_kb() -> int:
    """Return the peak memory of this process (kB), or 0 if not available.

    `getrusage` is not used because it includes the memory of the process that started the script.
    """
    status = Path("/proc/self/status")
    match = re.search(r"^VmHWM:\s*(\d+)", status.read_text(), re.MULTILINE) if status.is_file() else None
    return int(match[1]) if match else 0
