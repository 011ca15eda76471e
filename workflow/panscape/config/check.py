"""Check configuration files and the files they name without Snakemake: ``make check CONFIG=my.yaml``.

Snakemake itself reads the files of ``--configfile`` first: it ends in a traceback if they are not UTF-8 or
contain themselves, does not return if aliases expand to too much, and executes templates (``__use_yte__``).
Here they are checked before anything else is done with them, and nothing in them is executed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from panscape.config.inputs import look_at_inputs
from panscape.config.load import load
from panscape.config.yaml import check_yaml
from panscape.errors import UserError, fail
from panscape.preprocess.understood import as_text


def read(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Return the content of configuration files, checked; later files overwrite keys of earlier ones.

    Raises
    ------
    UserError
        If a file cannot be used.
    """
    check_yaml(paths, executed=False)
    merged: dict[str, Any] = {}
    for path in paths:
        value = _content(path)
        if not isinstance(value, Mapping):
            raise fail(str(path), "has no keys at top level", "write keys such as collection: and studies:")
        _update(merged, value)
    return merged


def _content(path: str | Path) -> Any:
    text = Path(path).read_text(encoding="utf-8")
    with contextlib.suppress(json.JSONDecodeError):  # JSON may be indented with tabs, YAML not
        return json.loads(text)
    try:
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:  # tags, impossible dates
        what = f"cannot be read: {' '.join(str(error).split())}"
        raise fail(str(path), what, "correct the file") from error


def _update(merged: dict[str, Any], value: Mapping[str, Any]) -> None:
    """Merge as Snakemake does: mappings key by key, all else replaced."""
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            before = merged.get(key)
            merged[key] = dict(before) if isinstance(before, Mapping) else {}
            _update(merged[key], inner)
        else:
            merged[key] = inner


def main(arguments: Sequence[str] | None = None) -> int:
    """Check configuration files; return 0 if they can be used, else 1.

    Examples
    --------
    >>> main(["no-such-file.yaml"])
    1
    """
    parser = argparse.ArgumentParser(prog="python -m panscape.config.check", description=__doc__)
    parser.add_argument("configfile", type=Path, nargs="+", help="YAML files, as for snakemake --configfile")
    paths = parser.parse_args(arguments).configfile
    try:
        config = load(read(paths))
        found = look_at_inputs(config)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if found.understood:
        sys.stdout.write(f"{as_text(found.understood)}\n")
    sys.stdout.write(f"{', '.join(map(str, paths))}: no problems, {len(config['studies'])} studies\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
