"""Check of the YAML files for duplicate keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from panscape.config.validate import key_path
from panscape.errors import Problem, UserError


def check_yaml(paths: Iterable[str | Path]) -> None:
    """Check that configuration files have no duplicate keys, of which YAML silently uses the last.

    Raises
    ------
    UserError
        If there are duplicate keys or unreadable files; lists all of them.
    """
    problems = [problem for path in paths for problem in _problems(Path(path))]
    if problems:
        raise UserError(problems)


def _problems(path: Path) -> Iterator[Problem]:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        yield Problem(str(path), f"is not UTF-8 (byte {error.start})", "save it as UTF-8")
    except (OSError, yaml.YAMLError) as error:
        yield Problem(str(path), f"cannot be read: {' '.join(str(error).split())}", "correct the file")
    else:
        yield from _doubles(node, path, ())


def _doubles(node: yaml.Node | None, path: Path, steps: tuple) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for at, inner in enumerate(node.value):
            yield from _doubles(inner, path, (*steps, at))
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, inner in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                what = f"{key_path((*steps, name))} occurs twice, in lines {lines[name]} and {line}"
                yield Problem(str(path), what, "keep one, or merge them")
            lines.setdefault(name, line)
            yield from _doubles(inner, path, (*steps, name))
