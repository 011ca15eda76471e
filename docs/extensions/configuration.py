"""Pages of the configuration: one per section of the schema, and the keys that were renamed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from links import adapt

from panscape.config.document import document
from panscape.config.renamed import table
from panscape.config.schema import Schema, schema

FOLDER = "configuration"
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| (?P<kind>.*?) \| (?P<default>.*?) \| (?P<text>.*) \|$")


def pages() -> dict[str, str]:
    """Return name -> Markdown text of the pages, from the text of ``config/README.md``."""
    introduction, *sections = re.split(r"^## ", document(), flags=re.MULTILINE)
    prose, made = [introduction], {}
    for section in sections:
        title, _, body = section.partition("\n")
        if "\n| key |" not in body:
            prose.append(f"## {section}")
        elif title == "Top level":
            prose.append(f"## {title}\n{_entries(body)}")
        else:
            made[f"{FOLDER}/{title}"] = f"# {title}\n{_entries(body)}"
    text = adapt("".join(prose), "config/README.md", f"docs/generated/{FOLDER}/index")
    contents = "\n".join(name.removeprefix(f"{FOLDER}/") for name in made)
    text += f"\n## Sections\n\n```{{toctree}}\n:maxdepth: 1\n\n{contents}\n```\n"
    return {f"{FOLDER}/index": text, **made}


def _entries(body: str) -> str:
    """Return a section with its table written as a list of definitions, each key with a target of its own."""
    lines = []
    for line in body.splitlines():
        row = ROW.match(line)
        if row:
            lines += ["", *_entry(**row.groupdict())]
        elif not line.startswith("|"):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _entry(key: str, kind: str, default: str, text: str) -> Iterator[str]:
    kind = kind.strip()
    said = (
        f"*required*, {kind}" if default == "required" else f"{kind}, default {default}" if default else kind
    )
    yield f"(setting-{key})="
    yield ""
    yield f"`{key}`"
    yield f": <small>{said.replace(chr(92) + '|', '|')}</small>"
    yield ""
    yield f"  {text}".replace("\\|", "|")


def renamed_table(whole: Schema | None = None) -> str:
    """Return the keys that are still taken under an old name as a Markdown table."""
    rows = ["| old key | write instead |", "| --- | --- |"]
    for old, new in table(whole or schema()):
        name, _, change = new.partition(" ")
        instead = f"`{name}` {change}".rstrip() if new else "nothing: it has no effect any more"
        rows.append(f"| `{old}` | {instead} |")
    return "\n".join(rows) + "\n"
