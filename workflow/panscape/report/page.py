"""Assembly of the sections into one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from panscape import __version__
from panscape.data.files import atomic
from panscape.report.archive import write_archive
from panscape.report.blocks import Block, Fold, Gallery, Heading, Listing, Paragraph, Picture, Table, table
from panscape.report.explorer.embed import explorer
from panscape.report.first_screen import first_screen, once
from panscape.report.format import count, duration, listing, plural
from panscape.report.glossary import WORDS, explainer
from panscape.report.methods import Methods, markdown, methods
from panscape.report.results import Results
from panscape.report.run import runtimes
from panscape.report.section import Section

TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    results: Results,
    html: str | Path,
    text: str | Path,
    *,
    archive: str | Path | None = None,
    sections: Sequence[Section] | None = None,
) -> None:
    """Write ``report.html``, ``methods.md`` and ``report.zip``.

    Parameters
    ----------
    results
        The files of the collection's results and its configuration.
    html, text
        Where to write the page and the Methods: in the folder of the results.
    archive
        Where to write a zip of both with the files they link to; None for no zip.
    sections
        Sections to use instead of :data:`panscape.report.sections.SECTIONS`.
    """
    from panscape.report.sections import SECTIONS

    shown = SECTIONS if sections is None else sections
    description = methods(results, shown)
    with atomic(html) as scratch:
        scratch.write_text(page(results, shown, description), encoding="utf-8")
    with atomic(text) as scratch:
        scratch.write_text(markdown(description, title(results)), encoding="utf-8")
    if archive is not None:
        write_archive(archive, Path(html).parent, [Path(html).name, Path(text).name])


def title(results: Results) -> str:
    """Return the report's title."""
    return results.settings("report").get("title") or str(results.config.get("collection", "collection"))


def page(results: Results, sections: Sequence[Section], description: Methods) -> str:
    """Return the page's HTML, with text from data and configuration escaped.

    Parameters
    ----------
    results
        The files of the collection's results and its configuration.
    sections
        Sections of the page, in their order.
    description
        Text and tables of the methods.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    explain = explainer()
    environment.filters["code"] = _code
    environment.filters["prose"] = lambda text: explain(_code(text))
    top = first_screen(results)
    shown = [section for section in sections if section.shown(results)]
    chapters = [
        *(
            _chapter(
                section.name,
                section.title,
                section.content(results),
                section.headline(results) if section.ran(results) else (),
            )
            for section in shown
        ),
        _chapter("run", "Parameters, versions, time and memory", _run(results, description)),
        _chapter("methods", "Methods to copy", _methods(description)),
    ]
    introduction = [
        part for part in results.settings("report").get("introduction", "").split("\n\n") if part.strip()
    ]
    # figures that stand further up are not counted
    described = [
        {**chapter, "content": contents(chapter["blocks"])} for chapter in once(chapters, [top["picture"]])
    ]
    return environment.get_template("report.html.j2").render(
        title=title(results),
        introduction=introduction,
        top=top,
        explorer=explorer(results),
        glossary=WORDS,
        chapters=described,
        version=__version__,
    )


def _code(text: str) -> str:
    """Return escaped HTML with text between backticks set as code."""
    parts = [escape(part) for part in str(text).split("`")]
    if len(parts) % 2 == 0:  # an unpaired backtick is literal
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))


def summary(results: Results, sections: Sequence[Section]) -> list[str]:
    """Return the sentences that the chapters begin with, stage by stage."""
    return [
        sentence for section in sections if section.ran(results) for sentence in section.headline(results)
    ]


def _chapter(
    name: str, heading: str, blocks: Sequence[Block], headline: Sequence[str] = ()
) -> Mapping[str, Any]:
    """Return a chapter: sentences and warnings in sight, the rest collapsed until the reader opens it."""
    warnings: list[Block] = [
        block for block in blocks if isinstance(block, Paragraph) and block.kind == "warning"
    ]
    rest = [block for block in blocks if block not in warnings]
    if not headline and all(isinstance(block, Paragraph) for block in rest):
        warnings, rest = [*warnings, *rest], []
    said = {" ".join(text.split()) for text in headline}
    return {
        "name": name,
        "title": heading,
        "headline": list(headline),
        "warnings": [block for block in warnings if " ".join(getattr(block, "text", "").split()) not in said],
        "blocks": rest,
    }


def contents(blocks: Sequence[Block]) -> str:
    """Return what a collapsed chapter has: ``3 figures and 1 table``.

    Examples
    --------
    >>> contents([Table(("a",), (), (False,)), Paragraph("text")])
    '1 table'
    """
    every = list(blocks)
    for block in every:  # grows by the blocks inside blocks
        every += block.blocks if isinstance(block, Fold) else ()
        every += block.pictures if isinstance(block, Gallery) else ()
    pictures = sum(isinstance(block, Picture) for block in every)
    tables = sum(isinstance(block, Table) for block in every)
    parts = [plural(pictures, "figure")] if pictures else []
    parts += [plural(tables, "table")] if tables else []
    return listing(parts) or "Details"


def _run(results: Results, description: Methods) -> list[Block]:
    times = runtimes(results.benchmarks)
    blocks: list[Block] = [
        Heading("Time and memory"),
        *_times(times),
        Heading("Software"),
        table(description.software, caption="Versions in the environment that wrote this report."),
        Heading("Parameters"),
    ]
    parts = description.settings["key"].str.split(r"[.\[]", regex=True).str[0]
    single = description.settings[~description.settings["key"].str.contains(r"[.\[]", regex=True)]
    blocks.append(table(single, caption="The collection."))
    for name in dict.fromkeys(parts[~parts.isin(single["key"])]):
        blocks.append(Fold(f"Section {name}", (table(description.settings[parts == name]),)))
    return blocks


_MEASURED = (
    "Measured by Snakemake at the last run of each rule; wall and CPU time are sums over jobs. Memory and "
    "CPU time are sampled (every half second, after 15 s every 30 s): usage after the last sample is not "
    "counted."
)


def _times(times: pd.DataFrame) -> list[Block]:
    if times.empty:
        return [Paragraph("No rule of this collection has been timed.", "note")]
    shown = pd.DataFrame(
        {
            "stage": times["stage"],
            "rule": times["rule"],
            "jobs": times["jobs"],
            "wall time": times["wall"].map(duration),
            "longest job": times["longest"].map(duration),
            "CPU time": times["cpu"].map(duration),
            "largest memory (MB)": times["memory"].round(),
        }
    )
    made = table(shown, caption=_MEASURED)
    total = (
        f"All jobs took {duration(times['wall'].sum())} of wall time in total and "
        f"{duration(times['cpu'].sum())} of CPU time; the largest took {count(times['memory'].max())} MB."
        if times["memory"].notna().any()
        else f"All jobs took {duration(times['wall'].sum())} of wall time in total."
    )
    numeric = (False, False, True, True, True, True, True)
    return [Paragraph(total), Table(made.header, made.rows, numeric, made.caption)]


def _methods(description: Methods) -> list[Block]:
    references = pd.DataFrame(
        [(place, text) for place, text in enumerate(description.references, 1)], columns=["no", "reference"]
    )
    return [
        Paragraph("The same text, with all parameters, is in methods.md beside this report.", "note"),
        *(Paragraph(text) for text in description.paragraphs),
        table(references, titles={"no": ""}, caption="References."),
        Fold("References as BibTeX", (Listing(description.bibtex, "references.bib"),)),
        *_departures(description),
    ]


def _departures(description: Methods) -> list[Block]:
    """Return the collapsed table of departures from the publications."""
    if description.departures.empty:
        return []
    titles = {"paper": "the paper", "here": "this analysis"}
    shown = table(
        description.departures, titles=titles, caption="Where this analysis departs from the papers."
    )
    return [Fold("Departures from the published methods", (shown,))]
