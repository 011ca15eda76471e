"""What a run will ask of the machine and what will fail in it, from settings and file headers, in seconds.

The jobs are those of the engine's own dry run, with the memory and time that the rules compute from the sizes
of the input, so that what is told here is what will be queued.
"""

from panscape.preflight._checks import concerns
from panscape.preflight._cost import disk_mb, expected_seconds
from panscape.preflight._jobs import Job, parse, plan
from panscape.preflight._show import stages, tell, text
from panscape.preflight._why import reaching, why

__all__ = [
    "Job",
    "concerns",
    "disk_mb",
    "expected_seconds",
    "parse",
    "plan",
    "reaching",
    "stages",
    "tell",
    "text",
    "why",
]
