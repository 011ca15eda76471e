"""Simulated studies with planted truth, for the demo, tests and benchmarks.

``simulate_atlas``, ``simulate_lines``, ``simulate_donors``, ``simulate_treatments`` and ``simulate_multiome``
return AnnData or MuData in memory;
:mod:`panscape.simulate.write` writes studies of any size block by block; :mod:`panscape.simulate.shapes` has
systems with uneven studies, disjoint ages, nuclei and types at all ages.
"""

from typing import TYPE_CHECKING

from panscape.lazy import attach

if TYPE_CHECKING:
    from panscape.simulate.donors import DonorsSettings as DonorsSettings
    from panscape.simulate.in_memory import simulate_atlas as simulate_atlas
    from panscape.simulate.in_memory import simulate_donors as simulate_donors
    from panscape.simulate.in_memory import simulate_lines as simulate_lines
    from panscape.simulate.in_memory import simulate_multiome as simulate_multiome
    from panscape.simulate.in_memory import simulate_treatments as simulate_treatments
    from panscape.simulate.lines import LinesSettings as LinesSettings
    from panscape.simulate.multiome import MultiomeSettings as MultiomeSettings
    from panscape.simulate.settings import Settings as Settings
    from panscape.simulate.settings import StudySettings as StudySettings
    from panscape.simulate.treatments import TreatmentsSettings as TreatmentsSettings

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "DonorsSettings": "panscape.simulate.donors",
        "LinesSettings": "panscape.simulate.lines",
        "MultiomeSettings": "panscape.simulate.multiome",
        "Settings": "panscape.simulate.settings",
        "StudySettings": "panscape.simulate.settings",
        "TreatmentsSettings": "panscape.simulate.treatments",
        "simulate_atlas": "panscape.simulate.in_memory",
        "simulate_donors": "panscape.simulate.in_memory",
        "simulate_lines": "panscape.simulate.in_memory",
        "simulate_multiome": "panscape.simulate.in_memory",
        "simulate_treatments": "panscape.simulate.in_memory",
    },
)
