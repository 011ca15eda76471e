"""A seeded developmental system with planted truth, drawn as the counts of several studies."""

from panscape.simulate._design import System, coupling, design
from panscape.simulate._draw import Study, study
from panscape.simulate._settings import Settings, StudySettings, acceptance, demo, from_config, scale
from panscape.simulate._write import write_study, write_truth

__all__ = [
    "Settings",
    "Study",
    "StudySettings",
    "System",
    "acceptance",
    "coupling",
    "demo",
    "design",
    "from_config",
    "scale",
    "study",
    "write_study",
    "write_truth",
]
