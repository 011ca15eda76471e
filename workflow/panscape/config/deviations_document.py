"""Generation of ``docs/deviations.md``."""

from __future__ import annotations

from collections.abc import Iterator

from panscape.config.deviations import PRESETS, Method, flow, listed, methods, preset_values


def document() -> str:
    """Return the text of ``docs/deviations.md``."""
    return "\n\n".join([_INTRODUCTION, *(part for method in methods() for part in _chapter(method))]) + "\n"


_INTRODUCTION = """# Where panscape departs from the published methods

Generated from `workflow/deviations/*.yaml` and the schema by `make docs`; do not edit.

The papers, their released code and panscape differ. `preset: paper` follows the paper and `preset: code`
its released code, where there are settings for it; `preset: best`, the default, uses the values that
performed best on simulated and real collections. Values that you set always take precedence. Rows
without settings apply to all presets. The Methods section of the report lists the departures that apply
to your analysis."""


def _chapter(method: Method) -> Iterator[str]:
    yield f"## {method.method}"
    yield f"{method.about} Paper: `{method.citation}`. Released code: {method.code.rstrip('.')}."
    for preset in PRESETS:
        sections = [f"`{name}`" for name in method.claims.get(preset, ())]
        idle = sorted({d.section for d in method.deviations} - set(method.claims.get(preset, ())))
        text = f"`preset: {preset}` changes settings of {listed(sections)}"
        yield text + (f", and nothing in {listed([f'`{name}`' for name in idle])}." if idle else ".")
    rows = [
        ("what", "the paper", "its code", "panscape", "why", "settings: best, paper, code"),
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
