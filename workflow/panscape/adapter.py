"""What every workflow script does first."""

from __future__ import annotations

import atexit
import re
import resource
from pathlib import Path
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
    seconds, peak = use.ru_utime + use.ru_stime, _peak_kb() or use.ru_maxrss
    logger.info("used %.1f s of processor time and at most %.0f MB of memory", seconds, peak / 1024)


def _peak_kb() -> int:
    """Return the most memory of this program, 0 where the system does not tell.

    What `getrusage` tells begins with the engine's own memory, which a started script takes over.
    """
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s*(\d+)", status.read_text(), re.MULTILINE) if status.is_file() else None
    return int(found[1]) if found else 0
