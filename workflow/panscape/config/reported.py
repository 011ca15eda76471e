"""Sections of the report, according to the analyses of the studies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from panscape.config import studies as inputs
from panscape.errors import Problem

_ANALYSIS = {
    "sensitivity": "landscape",
    "dictionary": "landscape",
    "project": "project",
    "overlap": "landscape",
    "sivae": "sivae",
    "networks": "sivae",
    "metacells": "metacells",
    "unicoord": "unicoord",
}
"""Analysis that some study's `use` must name for a stage to have input."""


def reported(config: dict[str, Any], studies: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    """Yield stages to be reported although no study takes part in their analysis."""
    taken = {analysis for _, study in studies for analysis in study["use"]}
    for stage, analysis in _ANALYSIS.items():
        if config.get("report", {}).get(stage) and analysis not in taken:
            what = f"is on, but no study takes part in {analysis}"
            advice = f"write {analysis} in `use` of a study, or report: {{{stage}: false}}"
            yield Problem(f"report.{stage}", what, advice)
    if config.get("report", {}).get("project") and not config.get("project", {}).get("reference"):
        advice = "name the results folder of a finished collection, or write report: {project: false}"
        yield Problem("project.reference", "there is no reference to project onto", advice)


def decide(config: dict[str, Any]) -> None:
    """Replace null in ``report``: analyses that some study takes part in are reported.

    A projection is reported whenever there is a reference.
    """
    asked_project = config["report"]["project"]
    others = [study["use"] for study in config["studies"] if "landscape" not in study["use"]]
    used = {analysis for use in others for analysis in use}
    for stage, asked in config["report"].items():
        if asked is None and stage in _ANALYSIS:
            config["report"][stage] = _ANALYSIS[stage] in used
    if asked_project is None:
        config["report"]["project"] = bool(inputs.used_by(config, "project"))
