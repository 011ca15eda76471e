"""The page of deviations, ``docs/deviations.md``."""

from __future__ import annotations

from collections.abc import Iterator

from panscape.config.deviations import PRESETS, Method, flow, listed, methods, preset_values


def document() -> str:
    """Return the text of ``docs/deviations.md``."""
    return "\n\n".join([_INTRODUCTION, *(part for method in methods() for part in _chapter(method))]) + "\n"


_INTRODUCTION = """# Where panscape departs from the published methods

Generated from `workflow/deviations/*.yaml` and the schema by `make docs`; do not edit.

The papers, their released programs and panscape differ. `preset: paper` takes what the paper says,
`preset: code` what its program does, as far as there is a setting for it; `preset: best`, the default,
takes what worked best on simulations and on real collections. A value that you write yourself always
wins. Where a row has no settings, no preset changes anything, and the analysis is panscape's under all
of them. The report's Methods list the departures that apply to your analysis."""


def _chapter(method: Method) -> Iterator[str]:
    yield f"## {method.method}"
    yield f"{method.about} Paper: `{method.citation}`. Released program: {method.code.rstrip('.')}."
    for preset in PRESETS:
        sections = [f"`{name}`" for name in method.claims.get(preset, ())]
        idle = sorted({d.section for d in method.deviations} - set(method.claims.get(preset, ())))
        text = f"`preset: {preset}` changes settings of {listed(sections)}"
        yield text + (f", and nothing in {listed([f'`{name}`' for name in idle])}." if idle else ".")
    rows = [
        ("what", "the paper", "its program", "panscape", "why", "settings: best, paper, code"),
        ("---",) * 6,
    ]
    for row in method.deviations:
        title = f"{row.title} ({row.where})"
        settings = "<br>".join(_setting(key) for key in row.keys) or "none"
        rows.append((title, row.paper, row.code, row.panscape, row.why, settings))
    yield "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def _setting(key: str) -> str:
    values = preset_values()[key]
    return f"`{key}`: " + ", ".join(f"`{flow([values[name]])}`" for name in ("best", *PRESETS))
