"""The explorer's data and programs, compressed for one HTML file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from panscape.log import logger
from panscape.report.explorer.genes import expression, facts, strongest_pairs, usage
from panscape.report.explorer.maps import every_map
from panscape.report.results import Results

SCRIPTS = Path(__file__).parent / "scripts"
OWN = ("state.js", "map.js", "gene.js", "tables.js", "start.js")
LIBRARY = ("bokeh.min.js", "bokeh-api.min.js")


def explorer(results: Results) -> Mapping[str, Any]:
    """Return what the page embeds: data, programs and the policy that allows these programs only.

    Returns
    -------
    `data` and `library` (texts in base64 of gzip; empty without a map or without Bokeh), `script` (own
    programs), `policy` (Content-Security-Policy) and `bokeh` (its version, or "").
    """
    maps = every_map(results)
    programs = library() if maps else ()
    data: dict[str, Any] = {"maps": maps if programs else []}
    if data["maps"]:
        data |= {"genes": expression(results), "usage": usage(results), "facts": facts(results)}
        data["pairs"] = strongest_pairs(results)
    script = "\n".join((SCRIPTS / name).read_text(encoding="utf-8") for name in OWN)
    return {
        "data": packed(json.dumps(data, separators=(",", ":"), allow_nan=False)),
        "library": [packed(text) for text in programs],
        "script": script,
        "policy": policy([f"\n{script}\n", *programs]),
        "bokeh": bokeh_version() if programs else "",
    }


def library() -> tuple[str, ...]:
    """Return the JavaScript that comes inside the Python package Bokeh; nothing if it is not installed."""
    found = find_spec("bokeh")
    if found is None or found.origin is None:
        logger.warning(
            "the report has no maps to explore: install bokeh (envs/requirements.txt) and run the rule again"
        )
        return ()
    folder = Path(found.origin).parent / "server" / "static" / "js"
    return tuple((folder / name).read_text(encoding="utf-8") for name in LIBRARY)


def bokeh_version() -> str:
    """Return the version of Bokeh, empty if it is not installed."""
    try:
        return version("bokeh")
    except PackageNotFoundError:
        return ""


def packed(text: str) -> str:
    """Return a text as base64 of gzip, the same bytes for the same text.

    Examples
    --------
    >>> gzip.decompress(base64.b64decode(packed("text")))
    b'text'
    """
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def policy(scripts: list[str]) -> str:
    """Return a Content-Security-Policy: no network, and no script but these.

    Examples
    --------
    >>> policy(["1"]).split("; ")[0]
    "default-src 'none'"
    """
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data: blob:",
            "style-src 'unsafe-inline'",
            f"script-src {allowed}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
