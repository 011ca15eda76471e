"""What every workflow script does first."""

from __future__ import annotations

import atexit
import resource
from typing import Any

from panscape.log import logger, start_log


def begin(snakemake: Any) -> None:
    """Send the log lines and uncaught exceptions of a script to its rule's log file.

    The last line of the log tells what the job used; the engine's own benchmark samples too seldom to know it
    of short jobs.
    """
    start_log(str(snakemake.log[0]))
    atexit.register(_tell_use)


def _tell_use() -> None:
    use = resource.getrusage(resource.RUSAGE_SELF)
    seconds, peak = use.ru_utime + use.ru_stime, use.ru_maxrss / 1024
    logger.info("used %.1f s of processor time and at most %.0f MB of memory", seconds, peak)
