"""What every workflow script does first."""

from __future__ import annotations

from typing import Any

from panscape.log import start_log


def begin(snakemake: Any) -> None:
    """Send the log lines and uncaught exceptions of a script to its rule's log file."""
    start_log(str(snakemake.log[0]))
