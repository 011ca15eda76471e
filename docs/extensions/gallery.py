"""The gallery: stored figures of the examples and those of the demo, where it has run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from links import ROOT
from stored_examples import EXAMPLES, STORED, Figure, reports, stored_name

RESULTS = ROOT / "results" / "demo"
CAPTIONS = ROOT / "workflow" / "report"
WIDTH = 640  # pixels of a thumbnail
FOLDER = "gallery"


FIGURES = {
    "Quality control": [Figure("preprocess/middle/qc", "Cells kept and removed", "qc")],
    "Coexpression landscape": [
        Figure("landscape/figures/map-dpt-pseudotime", "Diffusion pseudotime", "landscape_map"),
        Figure("landscape/figures/map-age", "Age", "landscape_map"),
        Figure("landscape/figures/map-study", "Study", "landscape_map"),
        Figure("landscape/figures/pseudotime-age", "Pseudotime against age", "pseudotime_age"),
        Figure("landscape/figures/spaces", "Coexpression beside other spaces", "spaces"),
        Figure("landscape/figures/genes-heatmap", "Genes along pseudotime", "genes_heatmap"),
    ],
    "Dictionary of networks": [
        Figure("dictionary/figures/networks", "Networks of the dictionary", "dictionary_networks"),
        Figure("dictionary/figures/usage-maps", "Usage on the landscape", "dictionary_usage_maps"),
        Figure("dictionary/figures/usage-labels", "Usage by cell type", "dictionary_usage_labels"),
        Figure("programs/figures/scores", "Scores of networks in cells", "programs_scores"),
    ],
    "Networks of cell lines": [
        Figure("sivae/figures/embeddings", "Cells and genes of a line", "sivae_embeddings"),
        Figure("networks/figures/lines", "Lines by their networks", "networks_lines"),
        Figure("networks/figures/genes", "Genes that follow the phenotype", "networks_genes"),
    ],
    "Metacells": [
        Figure("metacells/multiome/figures/map", "Metacells on their sample", "metacells_map"),
        Figure("metacells/multiome/figures/methods", "Beside other methods", "metacells_methods"),
        Figure("metacells/multiome/figures/track", "Peaks linked to a gene", "metacells_track"),
    ],
    "Gene sets as features": [
        Figure("features/figures/profiles", "Scores by class", "features_profiles"),
        Figure("features/figures/choice", "Choice of gene sets", "features_choice"),
    ],
    "Learned coordinates": [
        Figure("unicoord/figures/coordinates", "Coordinates of the cells", "unicoord_coordinates"),
        Figure("unicoord/figures/classes", "Predicted classes", "unicoord_classes"),
        Figure("unicoord/figures/restoration", "Restoration of an age never shown", "unicoord_restoration"),
    ],
}
_INTRODUCTION = """# Gallery

Two collections of real cells and the simulated one of the demo. {{doc}}`The report </reading-the-report>`
shows all figures beside the numbers that go with them; those of the real cells open here:

{reports}

Your own collection gets the same figures, as PNG and SVG in `results/<collection>/<stage>/figures/`.
"""
_DEMO = """
## Demo

Figures of the demo collection, which is simulated. `make demo` draws them, in four to five minutes on two
cores, into `results/demo/<stage>/figures/`.
"""
_NOT_RUN = """
```{{note}}
The demo had not run where this page was built, so that it lists {count} figures without showing them. To see
them run `make demo`, then `make docs` again, or open `results/demo/report.html`.
```
"""


def page(folder: Path, results: Path = RESULTS) -> str:
    """Return the Markdown text of the gallery, and put its pictures and reports in place.

    Parameters
    ----------
    folder
        Folder of the page; figures and thumbnails go to ``gallery/`` in it, reports to ``site/reports/``.
    results
        Results of the demo; where there are none the figures are listed by name.
    """
    made = reports(folder / "site" / "reports")
    links = [f'<a href="../reports/{name}.html">{EXAMPLES[name][0]}: the report</a>' for name in made]
    text = _INTRODUCTION.format(reports="\n".join(f"- {link}" for link in links))
    for name, (title, said, figures) in EXAMPLES.items():
        text += f"\n## {title}\n\n{said}\n\n" + _stored(name, figures, folder)
    return text + _demo(folder, results)


def _stored(name: str, figures: list[Figure], folder: Path) -> str:
    """Return cards of an example's stored figures."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    cards = []
    for one in figures:
        picture = STORED / name / "figures" / stored_name(one)
        if picture.is_file():
            shutil.copyfile(picture, folder / FOLDER / f"{name}-{picture.name}")
            cards.append(_card(one, f"{FOLDER}/{name}-{picture.name}", f"{FOLDER}/{name}-{picture.name}"))
    return _grid(cards) if cards else _names(figures)


def _demo(folder: Path, results: Path) -> str:
    there = any((results / f"{one.path}.png").is_file() for group in FIGURES.values() for one in group)
    count = sum(map(len, FIGURES.values()))
    text = _DEMO if there else _DEMO + _NOT_RUN.format(count=count)
    if there:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for title, figures in FIGURES.items():
        text += f"\n### {title}\n\n" + (_cards(figures, folder, results) if there else _names(figures))
    return text


def _names(figures: list[Figure]) -> str:
    return "".join(f"- **{one.title}**, `{one.path}.png`. {_caption(one)}\n" for one in figures)


def _cards(figures: list[Figure], folder: Path, results: Path) -> str:
    there = [one for one in figures if (results / f"{one.path}.png").is_file()]
    return _grid([_thumbnail(one, folder, results) for one in there]) if there else _names(figures)


def _grid(cards: list[str]) -> str:
    return f"::::{{grid}} 1 2 2 2\n:gutter: 3\n\n{''.join(cards)}::::\n"


def _thumbnail(one: Figure, folder: Path, results: Path) -> str:
    from PIL import Image

    name = f"{one.path.replace('/', '-')}.png"
    shutil.copyfile(results / f"{one.path}.png", folder / FOLDER / name)
    small = folder / FOLDER / f"small-{name}"
    with Image.open(results / f"{one.path}.png") as image:
        image.convert("RGB").resize(_size(image.size), Image.Resampling.LANCZOS).save(small)
    return _card(one, f"{FOLDER}/{small.name}", f"{FOLDER}/{name}")


def _card(one: Figure, shown: str, target: str) -> str:
    return (
        f":::{{grid-item-card}} {one.title}\n\n"
        f"```{{image}} {shown}\n:alt: {one.title}\n:target: {target}\n```\n\n"
        f"{_caption(one)}\n:::\n\n"
    )


def _size(size: tuple[int, int]) -> tuple[int, int]:
    width = min(WIDTH, size[0])
    return width, round(size[1] * width / size[0])


def _caption(one: Figure) -> str:
    """Return the first sentence of a figure's caption."""
    text = " ".join((CAPTIONS / f"{one.caption}.rst").read_text(encoding="utf-8").split())
    text = re.sub(r" of study \{\{.*?\}\}", "", text).replace("``", "`").replace("**", "")
    return text.split(". ")[0].rstrip(".") + "."
