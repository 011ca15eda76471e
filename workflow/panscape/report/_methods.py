"""The Methods paragraph: copyable, with every parameter, the versions and the references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from panscape import __version__
from panscape.report import bibliography
from panscape.report._results import Results
from panscape.report._run import parameters, used, versions
from panscape.report._section import Section

PANSCAPE = f"panscape {__version__}"
_PRESETS = {
    "best": "panscape's defaults",
    "paper": "the settings of the published method",
    "code": "the settings of the method's released program",
}


@dataclass(frozen=True)
class Methods:
    """What a manuscript says of the analysis.

    Parameters
    ----------
    paragraphs
        Prose, one paragraph per stage.
    references
        Those of the methods in the order of their first mention, then those of the software.
    settings
        Columns `key`, `value`, `meaning`.
    software
        Columns `software`, `version`.
    """

    paragraphs: tuple[str, ...]
    references: tuple[str, ...]
    settings: pd.DataFrame
    software: pd.DataFrame


def methods(results: Results, sections: Sequence[Section]) -> Methods:
    """Collect the Methods paragraph from the sections of the stages that ran."""
    ran = [section for section in sections if section.ran(results)]
    preset = results.config.get("preset", "best")
    opening = (
        f"Data were analysed with {PANSCAPE} (settings: {_PRESETS.get(preset, preset)}, preset “{preset}”; "
        f"seed {results.config.get('seed', 0)})."
    )
    texts = [" ".join(section.methods(results)) for section in ran]
    software = versions()
    with_versions = [
        f"{name} {version}" for name, version in software.itertuples(index=False) if name != "panscape"
    ]
    closing = f"Software: {', '.join([PANSCAPE, *with_versions])}. All parameters are listed below."
    keys = [key for section in ran for key in section.references]
    references = bibliography.cite([*keys, *bibliography.of_software(software["software"])])
    paragraphs = [opening, *(text for text in texts if text), closing]
    return Methods(tuple(paragraphs), tuple(references), parameters(used(results)), software)


def markdown(found: Methods, title: str) -> str:
    """Return the methods as Markdown."""
    lines = [f"# Methods: {_inline(title)}", ""]
    for paragraph in found.paragraphs:
        lines += [paragraph, ""]
    lines += [
        "## References",
        "",
        *(f"{place}. {text}" for place, text in enumerate(found.references, 1)),
        "",
    ]
    lines += ["## Parameters", "", "| parameter | value | what it does |", "|---|---|---|"]
    lines += [
        f"| `{_cell(key)}` | {_cell(value)} | {_cell(meaning)} |"
        for key, value, meaning in found.settings.itertuples(index=False)
    ]
    lines += ["", "## Versions", "", "| software | version |", "|---|---|"]
    lines += [
        f"| {_cell(name)} | {_cell(version)} |" for name, version in found.software.itertuples(index=False)
    ]
    return "\n".join(lines) + "\n"


def _inline(text: str) -> str:
    return " ".join(str(text).split())


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")
