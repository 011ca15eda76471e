"""Figures and reports of the examples on real cells, as the repository keeps them for the site.

    python docs/extensions/stored_examples.py results/islets

stores those of a finished run in ``docs/examples/<collection>``: some figures as PNG with a palette, and the
report without its figures and without the programs of Bokeh, which a build of the site puts back.
"""

from __future__ import annotations

import base64
import gzip
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from links import ROOT

sys.path.insert(0, str(ROOT / "workflow"))

STORED = ROOT / "docs" / "examples"
WIDTH, REPORT_WIDTH, COLOURS = 960, 640, 96  # of stored figures: pixels and palette
NOTE = "Kept for the documentation, without its figures and files: a run writes the whole report."
_IMAGE = re.compile(r'<img src="data:image/(png|svg\+xml);base64,([^"]+)" width="(\d+)" alt="([^"]*)">')
_LIBRARY = re.compile(r'(<script type="text/plain" class="library"[^>]*>)([^<]*)(</script>)')
_LINK = re.compile(r'<a class="file" href="[^"]*"[^>]*>(.*?)</a>', re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """A figure of a collection.

    Attributes
    ----------
    path
        Below ``results/<collection>``, without suffix.
    title
        What it shows.
    caption
        Name of its caption in ``workflow/report``, without suffix.
    """

    path: str
    title: str
    caption: str


EXAMPLES = {
    "islets": (
        "Islets of people and mice",
        "Pancreatic islets of four people and two mice (Baron et al. 2016): `make example`.",
        [
            Figure("landscape/figures/map-study", "Clusters of people and mice", "landscape_map"),
            Figure("landscape/figures/map-cell-type", "The same by cell type", "landscape_map"),
            Figure("landscape/figures/river", "From studies to cell types", "river"),
            Figure("dictionary/figures/networks", "Networks of the dictionary", "dictionary_networks"),
            Figure("programs/figures/scores", "Scores of networks in cells", "programs_scores"),
            Figure("sivae/figures/embeddings", "Cells and genes of people", "sivae_embeddings"),
        ],
    ),
    "worm": (
        "Neurons of the worm embryo",
        "Ciliated amphid neurons in seven batches (Packer et al. 2019): `make example-worm`.",
        [
            Figure("landscape/figures/map-dpt-pseudotime", "Pseudotime", "landscape_map"),
            Figure("landscape/figures/map-age", "Age", "landscape_map"),
            Figure("landscape/figures/pseudotime-age", "Pseudotime against age", "pseudotime_age"),
            Figure("landscape/figures/spaces", "Beside plain expression and chance", "spaces"),
            Figure("landscape/figures/genes-volcano", "Genes along pseudotime", "genes_volcano"),
            Figure("dictionary/figures/usage-maps", "Where networks are used", "dictionary_usage_maps"),
        ],
    ),
}


def store(results: Path, folder: Path = STORED) -> None:
    """Store figures and report of a finished example.

    Parameters
    ----------
    results
        ``results/islets`` or ``results/worm``.
    folder
        Where the examples are kept.
    """
    there = folder / results.name
    (there / "figures").mkdir(parents=True, exist_ok=True)
    for old in (there / "figures").glob("*.png"):
        old.unlink()
    for figure in EXAMPLES[results.name][2]:
        path = results / f"{figure.path}.png"
        (there / "figures" / stored_name(figure)).write_bytes(smaller(path.read_bytes(), WIDTH, COLOURS))
    page = light((results / "report.html").read_text(encoding="utf-8"))
    (there / "report.html.gz").write_bytes(gzip.compress(page.encode(), 9, mtime=0))


def stored_name(figure: Figure) -> str:
    """Return the file name of a stored figure."""
    return f"{figure.path.replace('/figures', '').replace('/', '-')}.png"


def smaller(png: bytes, width: int, colours: int) -> bytes:
    """Return a picture of at most a width and a number of colours as PNG."""
    from PIL import Image

    written = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        plain = image.convert("RGB")
        if plain.width > width:
            plain = plain.resize((width, round(plain.height * width / plain.width)), Image.Resampling.LANCZOS)
        reduced = plain.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    reduced.save(written, "PNG", optimize=True)
    return written.getvalue()


def light(page: str) -> str:
    """Return a report without Bokeh's programs and links to files beside it, with its first figure only.

    The first figure is the landscape, which readers without JavaScript see.
    """
    first = True

    def left_out(found: re.Match[str]) -> str:
        nonlocal first
        if first and found[1] == "png":
            first = False
            small = smaller(base64.b64decode(found[2]), REPORT_WIDTH, COLOURS)
            data = base64.b64encode(small).decode()
            return f'<img src="data:image/png;base64,{data}" width="{found[3]}" alt="{found[4]}">'
        return f'<p class="note">Figure in the report of a run: {found[4]}.</p>'

    page = _LINK.sub(r"\1", _LIBRARY.sub(r"\1\3", _IMAGE.sub(left_out, page)))
    return page.replace("</header>", f'<p class="note">{NOTE}</p>\n</header>', 1)


def whole(page: str) -> str:
    """Return a stored report with Bokeh's programs.

    Raises
    ------
    ValueError
        If Bokeh is not installed, or the report allows the programs of another version only.
    """
    from panscape.report.explorer.embed import library, packed, policy

    programs = library()
    if not programs:
        raise ValueError("bokeh is not installed: install envs/requirements-docs.txt")
    given, digests = iter(programs), re.findall(r"sha256-[^']+", policy(list(programs)))
    if not set(digests) <= set(re.findall(r"sha256-[^'&]+", page)):
        raise ValueError("a stored report is of another version of Bokeh: run and store the examples anew")
    return _LIBRARY.sub(lambda found: f"{found[1]}{packed(next(given))}{found[3]}", page)


def reports(folder: Path, stored: Path = STORED) -> list[str]:
    """Write the stored reports into a folder, and return the collections that have one."""
    there = [name for name in EXAMPLES if (stored / name / "report.html.gz").is_file()]
    folder.mkdir(parents=True, exist_ok=True)
    for name in there:
        page = gzip.decompress((stored / name / "report.html.gz").read_bytes()).decode()
        (folder / f"{name}.html").write_text(whole(page), encoding="utf-8")
    return there


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        store(Path(argument))
