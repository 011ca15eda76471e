"""Methods paragraph for a manuscript, with all parameters, versions and references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from panscape import __version__
from panscape.config import deviations
from panscape.report import bibliography
from panscape.report.results import Results
from panscape.report.run import parameters, sections_used, used, versions
from panscape.report.section import Section

PANSCAPE = f"panscape {__version__}"


@dataclass(frozen=True)
class Methods:
    """Description of an analysis for a manuscript.

    Parameters
    ----------
    paragraphs
        Prose, one paragraph per stage.
    references
        Those of the methods in the order of their first mention, then those of the software.
    bibtex
        The same as BibTeX.
    settings
        Columns `key`, `value`, `meaning`.
    software
        Columns `software`, `version`.
    departures
        Columns `method`, `point`, `paper`, `here`: where the analysis departs from the published methods.
    """

    paragraphs: tuple[str, ...]
    references: tuple[str, ...]
    bibtex: str
    settings: pd.DataFrame
    software: pd.DataFrame
    departures: pd.DataFrame


def methods(results: Results, sections: Sequence[Section]) -> Methods:
    """Collect the Methods paragraph from the sections of the stages that ran."""
    ran = [section for section in sections if section.ran(results)]
    preset = results.config.get("preset", "best")
    stages = sections_used(results)
    opening = (
        f"Data were analysed with {PANSCAPE} (preset “{preset}”: "
        f"{deviations.settings_in_words(results.config, stages)}; seed {results.config.get('seed', 0)})."
    )
    differing = departures(results.config, stages)
    texts = [" ".join(section.methods(results)) for section in ran]
    software = versions()
    with_versions = [
        f"{name} {version}" for name, version in software.itertuples(index=False) if name != "panscape"
    ]
    closing = f"The software environment had {', '.join([PANSCAPE, *with_versions])}. All parameters"
    closing += " and the departures from the published methods" if len(differing) else ""
    closing += " are listed in methods.md."
    keys = [key for section in ran for key in section.cited(results)]
    keys += bibliography.of_software(software["software"])
    references = bibliography.cite(keys)
    paragraphs = [opening, *(text for text in texts if text), closing]
    settings = parameters(used(results))
    text = bibliography.bibtex(keys)
    return Methods(tuple(paragraphs), tuple(references), text, settings, software, differing)


def departures(config: Mapping[str, Any], stages: Sequence[str]) -> pd.DataFrame:
    """Return the departures from the published methods: `method`, `point`, `paper`, `here`."""
    rows = [
        (method.method, row.title, f"{row.paper} ({row.where})", here)
        for method, row, here in deviations.departures(config, stages)
    ]
    return pd.DataFrame(rows, columns=["method", "point", "paper", "here"])


def markdown(description: Methods, title: str) -> str:
    """Return the methods as Markdown."""
    lines = [f"# Methods: {_inline(title)}", ""]
    for paragraph in description.paragraphs:
        lines += [paragraph, ""]
    lines += [
        "## References",
        "",
        *(f"{place}. {text}" for place, text in enumerate(description.references, 1)),
        "",
    ]
    if len(description.departures):
        lines += ["## Departures from the published methods", ""]
        lines += ["| method | point | the paper | this analysis |", "|---|---|---|---|"]
        lines += [
            f"| {' | '.join(_cell(text) for text in row)} |"
            for row in description.departures.itertuples(index=False)
        ]
        lines.append("")
    lines += ["## Parameters", "", "| parameter | value | meaning |", "|---|---|---|"]
    lines += [
        f"| `{_cell(key)}` | {_cell(value)} | {_cell(meaning)} |"
        for key, value, meaning in description.settings.itertuples(index=False)
    ]
    lines += ["", "## Versions", "", "| software | version |", "|---|---|"]
    lines += [
        f"| {_cell(name)} | {_cell(version)} |"
        for name, version in description.software.itertuples(index=False)
    ]
    return "\n".join(lines) + "\n"


def _inline(text: str) -> str:
    return " ".join(str(text).split())


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")
