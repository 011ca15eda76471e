"""A seeded developmental system with planted truth, drawn as the counts of several studies."""

from panscape.simulate._design import System, coupling, design
from panscape.simulate._draw import Study, study
from panscape.simulate._lines import LinesSettings, LinesStudy, lines_from_config, lines_study
from panscape.simulate._multiome import (
    Multiome,
    MultiomeSettings,
    draw_multiome,
    multiome_from_config,
    write_multiome,
    write_multiome_truth,
)
from panscape.simulate._settings import Settings, StudySettings, acceptance, demo, from_config, scale
from panscape.simulate._write import write_lines, write_lines_truth, write_study, write_truth

__all__ = [
    "LinesSettings",
    "LinesStudy",
    "Multiome",
    "MultiomeSettings",
    "Settings",
    "Study",
    "StudySettings",
    "System",
    "acceptance",
    "coupling",
    "demo",
    "design",
    "draw_multiome",
    "from_config",
    "lines_from_config",
    "lines_study",
    "multiome_from_config",
    "scale",
    "study",
    "write_lines",
    "write_lines_truth",
    "write_multiome",
    "write_multiome_truth",
    "write_study",
    "write_truth",
]
