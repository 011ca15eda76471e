"""Tutorials: MyST notebooks, executed where their collection has run, with stored outputs elsewhere.

``docs/tutorials/<collection>.md`` is the text with its code, ``<collection>.json`` the outputs of its code
cells. A build of the site where ``results/<collection>/report.html`` exists executes the code and stores its
outputs anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from links import ROOT

SOURCES = ROOT / "docs" / "tutorials"
FOLDER = "tutorials"
SECONDS = 300  # for a code cell
NOT_RUN = "> The collection had not run where this page was built: outputs are missing."
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_KEPT = ("image/png", "text/html", "text/plain")  # of an output's forms the first is kept

Cell = dict[str, Any]
Outputs = list[dict[str, Any]]


class Stale(Exception):
    """Stored outputs that are not of a tutorial's code."""


def pages(results: Path = ROOT / "results") -> dict[str, str]:
    """Return name of the page -> notebook with outputs, of all tutorials.

    Parameters
    ----------
    results
        The folder of the collections' results.

    Raises
    ------
    Stale
        If code has changed since its outputs were stored, and its collection has not run here.
    """
    made = {}
    for source in sorted(SOURCES.glob("*.md")):
        cells = split(source.read_text(encoding="utf-8"))
        stored = source.with_suffix(".json")
        if (results / source.stem / "report.html").is_file():
            outputs = execute(cells, results.parent)
            stored.write_text(json.dumps(outputs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        else:
            outputs = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else None
        made[f"{FOLDER}/{source.stem}.ipynb"] = notebook(cells, outputs, source.name)
    return made


def split(text: str) -> list[Cell]:
    r"""Return the cells of a MyST notebook, as Jupyter's notebooks have them.

    Examples
    --------
    >>> cells = split("# Title\n\n```{code-cell}\n1 + 1\n```\n")
    >>> [(cell["cell_type"], cell["source"]) for cell in cells]
    [('markdown', '# Title'), ('code', '1 + 1')]
    """
    parts = _CELL.split(text)  # text and code in turns
    cells: list[Cell] = []
    for at, part in enumerate(parts):
        source = part.strip("\n")
        if at % 2:
            cell = {"cell_type": "code", "execution_count": None, "outputs": []}
        else:
            cell = {"cell_type": "markdown"}
        if source.strip():
            cells.append({**cell, "id": f"cell-{at}", "metadata": {}, "source": source})
    return cells


def notebook(cells: list[Cell], outputs: list[dict[str, Any]] | None, name: str) -> str:
    """Return a notebook with outputs as JSON.

    Parameters
    ----------
    cells
        Of :func:`split`.
    outputs
        Digest and outputs of each code cell; None shows the code alone and says so.
    name
        Of the tutorial, for errors.
    """
    if outputs is None:
        note = {"cell_type": "markdown", "id": "note", "metadata": {}, "source": NOT_RUN}
        cells = [cells[0], note, *cells[1:]]
        shown = (cell["source"] for cell in cells if cell["cell_type"] == "code")
        outputs = [{"code": digest(source), "outputs": []} for source in shown]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if [digest(cell["source"]) for cell in code] != [one["code"] for one in outputs]:
        raise Stale(
            f"docs/tutorials/{name}: its outputs are of other code; run its collection, then make docs"
        )
    for number, (cell, one) in enumerate(zip(code, outputs, strict=True), 1):
        cell.update(outputs=one["outputs"], execution_count=number)
    language = {"name": "python", "version": "3", "file_extension": ".py", "mimetype": "text/x-python"}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel, "language_info": language}}
    return json.dumps(whole | {"nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False) + "\n"


def digest(source: str) -> str:
    """Return a short digest of a cell's code."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def execute(cells: list[Cell], folder: Path) -> list[dict[str, Any]]:
    """Execute the code of a tutorial, and return digest and outputs of each code cell.

    Parameters
    ----------
    cells
        Of :func:`split`.
    folder
        Where the code runs: the repository's root.
    """
    import nbformat
    from nbclient import NotebookClient

    whole = nbformat.v4.new_notebook(
        cells=[nbformat.from_dict(cell) for cell in cells if cell["cell_type"] == "code"]
    )
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "workflow"), before]))
    try:
        NotebookClient(whole, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    finally:
        os.environ.pop("PYTHONPATH")
        os.environ.update({"PYTHONPATH": before} if before else {})
    return [{"code": digest(cell["source"]), "outputs": kept(cell["outputs"])} for cell in whole["cells"]]


def kept(outputs: Outputs) -> Outputs:
    """Return outputs in one form each, pictures with a palette; what was written to stderr is left out."""
    made: Outputs = []
    for one in outputs:
        if one["output_type"] == "stream":
            if one["name"] == "stdout":
                made.append({"output_type": "stream", "name": "stdout", "text": one["text"]})
            continue
        forms = one["data"]
        form = next(form for form in _KEPT if form in forms)
        data = {form: _small(forms[form]) if form == "image/png" else forms[form]}
        made.append({"output_type": "display_data", "metadata": {}, "data": data})
    return made


def _small(picture: str) -> str:
    from panscape.report.images import with_palette

    return base64.b64encode(with_palette(base64.b64decode(picture))).decode()
