"""Checks of the YAML (or JSON) files, before their content is used.

Snakemake reads the files of ``--configfile`` before the first line of the workflow runs. The command of
:mod:`panscape.config.check` checks them before that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from panscape.config.nesting import nesting_problem
from panscape.config.validate import key_path
from panscape.errors import Problem, UserError

TEMPLATE = "__use_yte__"
ALLOW = "PANSCAPE_TEMPLATES"  # environment variable: a file must not be able to allow itself
MOST_BYTES = 10_000_000
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def check_yaml(paths: Iterable[str | Path], *, executed: bool = True) -> None:
    """Check configuration files for what would be executed, cannot be expanded or is silently passed over.

    Refused are templates (``__use_yte__``), whose expressions are Python code, unless the environment
    variable ``PANSCAPE_TEMPLATES`` is 1; aliases that contain themselves or expand to too much; other
    encodings than UTF-8; and duplicate keys, of which YAML uses the last.

    Parameters
    ----------
    paths
        The files, YAML or JSON.
    executed
        Whether Snakemake has read them, and with that executed templates.

    Raises
    ------
    UserError
        If there are such or unreadable files; lists all problems.
    """
    problems = [problem for path in paths for problem in _problems(Path(path), executed)]
    if problems:
        raise UserError(problems)


def _problems(path: Path, executed: bool) -> Iterator[Problem]:
    try:
        text = _text(path)
        twice = _json_doubles(text)
        if twice is not None:
            yield from (Problem(str(path), f"{key} occurs twice", "keep one, or merge them") for key in twice)
            return
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UserError as error:
        yield from error.problems
    except RecursionError:
        yield Problem(str(path), "is nested too deeply", "write a mapping of keys, as in config/config.yaml")
    except (OSError, ValueError, yaml.YAMLError) as error:
        yield Problem(str(path), f"cannot be read: {' '.join(str(error).split())}", "correct the file")
    else:
        problem = nesting_problem(node, _inside, str(path))
        if problem:
            yield problem
            return
        yield from _template(node, path, executed)
        yield from _doubles(node, path, ())


def _text(path: Path) -> str:
    """Return the content of a file; a UserError if it is too large or not UTF-8."""
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        what = f"has more than {MOST_BYTES / 1e6:g} MB"
        raise UserError(Problem(str(path), what, "move lists of studies into a samplesheet"))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        name = _MARKS.get(content[:2])
        what = f"is {name}, not UTF-8" if name else f"is not UTF-8 (byte {error.start})"
        command = f"iconv -f {name or 'LATIN1'} -t UTF-8 {path.name} > new.yaml"
        raise UserError(Problem(str(path), what, f"save it as UTF-8, e.g. {command}")) from error


def _json_doubles(text: str) -> list[str] | None:
    """Return the keys that occur twice in a JSON file, None if it is not JSON."""
    twice: list[str] = []

    def seen(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice.extend(key_path((name,)) for name in dict.fromkeys(names) if names.count(name) > 1)
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=seen)
    except json.JSONDecodeError:
        return None
    return twice


def _inside(node: yaml.Node | None) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return []


def _template(node: yaml.Node | None, path: Path, executed: bool) -> Iterator[Problem]:
    if os.environ.get(ALLOW) == "1" or not isinstance(node, yaml.MappingNode):
        return
    if any(key.value == TEMPLATE for key, _ in node.value):
        what = f"is a template ({TEMPLATE}), whose expressions are executed as Python code"
        what += "; Snakemake has executed them" if executed else " when Snakemake reads it"
        yield Problem(str(path), what, f"write the values out, or, if you trust the file, export {ALLOW}=1")


def _doubles(node: yaml.Node | None, path: Path, steps: tuple) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for at, inner in enumerate(node.value):
            yield from _doubles(inner, path, (*steps, at))
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, inner in node.value:
            name, line = str(key.value)[:200], key.start_mark.line + 1
            if name in lines:
                what = f"{key_path((*steps, name))} occurs twice, in lines {lines[name]} and {line}"
                yield Problem(str(path), what, "keep one, or merge them")
            lines.setdefault(name, line)
            yield from _doubles(inner, path, (*steps, name))
