"""Completion and validation of configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from panscape.config import cross, mapped, reported, root, species
from panscape.config import studies as inputs
from panscape.config.coordinates import coordinates
from panscape.config.fill import expand, fill, normalise, plain
from panscape.config.libraries import name_networks
from panscape.config.nesting import containers, nesting_problem
from panscape.config.renamed import renamed
from panscape.config.samplesheet import KEY, with_studies
from panscape.config.schema import Schema, schema
from panscape.config.unused import unused
from panscape.config.validate import schema_problems, show
from panscape.data.labels import LONGEST_ID
from panscape.errors import Problem, UserError, fail
from panscape.log import logger

Config = dict[str, Any]


def load(
    raw: Mapping[str, Any], whole: Schema | None = None, *, written: Mapping[str, Any] | None = None
) -> Config:
    """Return the complete, validated configuration of a collection.

    User values take precedence over presets, presets over defaults. Loading is idempotent.

    Parameters
    ----------
    raw
        Content of the YAML file; not modified.
    whole
        Schema; that of the workflow by default.
    written
        Part of `raw` whose old, changed and unused keys give warnings; all by default.

    Returns
    -------
    Plain dicts and lists with every key of the schema.

    Raises
    ------
    UserError
        If the configuration is invalid; lists all problems that do not require reading files.

    Examples
    --------
    >>> config = load({"collection": "lab", "studies": [{"id": "a", "path": "a.h5ad"}], "preset": "paper"})
    >>> config["seed"], config["preprocess"]["present_in"]
    (0, 'all')
    """
    if not isinstance(raw, Mapping):
        raise fail(
            "configuration", f"found {show(plain(raw))}", "write keys such as collection: and studies:"
        )
    if problem := nesting_problem(raw, containers, "configuration"):
        raise UserError(problem)
    whole = whole or schema()
    problems: list[Problem] = []
    value, _ = renamed(plain(raw), whole, problems)
    chosen, warnings = renamed(plain(raw if written is None else written), whole, [])
    for warning in warnings:
        logger.warning("%s", warning)
    value = normalise(with_studies(value, whole, problems), whole)
    faults = schema_problems(value, whole)
    config, tainted = _sound(value, whole, [steps for steps, _ in faults])
    problems += [problem for _, problem in faults]
    config = expand(config, whole, "", problems)
    problems += species.resolve(config)
    name_networks(config)
    problems += cross.ids(value.get("studies"))
    problems += _fit(config, tainted)
    if problems:
        raise UserError(_named(problem, value) for problem in dict.fromkeys(problems))
    if config.get(KEY):
        config[KEY] = None  # its studies are listed now
    if "age_unit" in config:
        config["age_unit"] = cross.age_unit(config)
    if "report" in config:
        reported.decide(config)
    for warning in unused(chosen, config):
        logger.warning("%s", warning)
    return config


def _sound(value: Config, whole: Schema, faults: list[tuple]) -> tuple[Config, set]:
    """Return the completed configuration without invalid parts, and the paths of these.

    Invalid studies are null, so that the others keep their numbers.
    """
    tainted = {steps[:2] if steps[:1] == ("studies",) else steps[:1] for steps in faults}
    keys = whole["properties"]
    sound = {key: inner for key, inner in value.items() if key in keys and (key,) not in tainted}
    if "studies" in sound:
        sound["studies"] = [
            None if ("studies", at) in tainted else study for at, study in enumerate(sound["studies"])
        ]
    preset = sound.get("preset", keys.get("preset", {}).get("default", ""))
    return fill(sound, whole, preset), tainted


def _fit(config: Config, tainted: set) -> Iterator[Problem]:
    """Yield contradictions in the valid part of a configuration."""
    studies = [(at, study) for at, study in enumerate(config.get("studies", [])) if study is not None]
    simulated = None
    if "studies" in config.get("simulation", {}) and ("simulation",) not in tainted:
        drawn = config["simulation"]
        parts = ("studies", "lines", "multiome")
        simulated = [study["name"] for part in parts for study in drawn.get(part, [])]
    for at, study in studies:
        yield from cross.one_study(study, f"studies[{at}]", simulated)
    if "age_unit" in config:
        yield from cross.units(config, studies)
    yield from species.problems(config, [(at, study) for at, study in studies if "use" in study])
    yield from cross.stages(config)
    yield from coordinates(config, [(at, study) for at, study in studies if "use" in study])
    yield from cross.metacells(config, [(at, study) for at, study in studies if "use" in study])
    yield from mapped.columns(config, [(at, study) for at, study in studies if "use" in study])
    yield from cross.logged(config, [(at, study) for at, study in studies if "use" in study])
    yield from cross.programs(config, [(at, study) for at, study in studies if "use" in study])
    yield from cross.lines(config, [(at, study) for at, study in studies if "use" in study])
    if studies and len(studies) == len(config["studies"]):
        if "report" in config:
            yield from reported.reported(config, [item for item in studies if "use" in item[1]])
        yield from root.form(config, inputs.used_by(config, "landscape"))
        yield from cross.present_in(config, inputs.used_by(config, "landscape"))
        yield from cross.sample(config, [item for item in studies if "use" in item[1]])


def _named(problem: Problem, value: Config) -> Problem:
    """Return a problem with the study's id added to its location."""
    head, _, _ = problem.where.partition("]")
    number = head.removeprefix("studies[")
    if "(study" in problem.where or head == number or not number.isdigit():
        return problem
    study = value["studies"][int(number)]
    name = study.get("id") if isinstance(study, dict) else None
    if not isinstance(name, str):
        return problem
    name = name if len(name) <= LONGEST_ID else f"{name[:LONGEST_ID]}..."  # it may be what is wrong
    return Problem(f"{problem.where} (study {name!r})", problem.what, problem.fix)
