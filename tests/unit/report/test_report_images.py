"""Embedded figures, and the zip of a report with its files."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from panscape.plot.style import new_figure, save_figure, style
from panscape.report import archive
from panscape.report.images import COLOURS, embedded, rounded, with_palette


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    stem = tmp_path_factory.mktemp("figure") / "made"
    with style():
        fig = new_figure(3, 2)
        ax = fig.add_subplot()
        ax.plot([0, 1, 2], [0.123456, 1.23456, 0.2], label="line")
        ax.legend()
    save_figure(fig, stem)
    return stem.with_suffix(".svg").read_bytes(), stem.with_suffix(".png").read_bytes()


def test_a_palette_looks_the_same_and_is_smaller(figure):
    _, png = figure
    reduced = with_palette(png)
    assert len(reduced) < len(png) / 1.5
    before, after = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int) for data in (png, reduced))
    assert before.shape == after.shape
    assert np.abs(before - after).max() <= 256 / COLOURS * 8
    assert np.abs(before - after).mean() < 0.5


def test_rare_colours_are_kept_beside_many_greys(tmp_path):
    rng = np.random.default_rng(0)
    with style():
        fig = new_figure(5, 3)
        ax = fig.add_subplot()
        for _ in range(400):  # the edges of a map
            ax.plot(*rng.random((2, 2)), color="#5a5a5a", alpha=0.2, linewidth=0.4)
        ax.scatter(*rng.random((2, 60)), c=np.linspace(0, 1, 60), s=30, zorder=3)
    save_figure(fig, tmp_path / "map", formats=("png",))
    png = (tmp_path / "map.png").read_bytes()
    before, after = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int) for data in (png, with_palette(png))
    )
    coloured, white = np.ptp(before, axis=2) > 60, (before == 255).all(axis=2)
    assert coloured.sum() > 2000 and np.abs(before - after)[coloured].mean() < 4
    assert (after[white] == 255).all()


def test_the_smaller_form_is_embedded_at_the_printed_width(figure):
    svg, png = figure
    uri, width = embedded(svg, png)
    alone, of_svg = embedded(svg, None)
    assert len(uri) <= len(alone) and abs(width - of_svg) <= 2
    with pytest.raises(ValueError, match="neither"):
        embedded(None, None)


def test_rounding_keeps_scales_and_text():
    svg = b'<svg><g transform="scale(0.015625)"><path d="M 0.12345 -7.00001"/></g><text>1.23456</text></svg>'
    assert rounded(svg) == svg.replace(b"0.12345 -7.00001", b"0.12 -7")


def test_the_archive_has_the_page_and_what_it_links_to(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 100)
    root = tmp_path / "demo"
    (root / "landscape").mkdir(parents=True)
    (root / "landscape" / "my genes.tsv").write_text("gene\n")
    (root / "large.tsv").write_text("x" * 101)
    (root / "not linked.tsv").write_text("y")
    (root / "methods.md").write_text("methods")
    page = (
        '<a class="file" href="landscape/my%20genes.tsv">a</a><a class="file" href="large.tsv">b</a>'
        '<a href="#top">c</a>'
    )
    (root / "report.html").write_text(page)
    for name in ("a.zip", "b.zip"):
        archive.write_archive(tmp_path / name, root, ["report.html", "methods.md"])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as made:
        inside = {name: made.read(name).decode() for name in made.namelist()}
    assert set(inside) == {
        "demo/report.html", "demo/methods.md", "demo/landscape/my genes.tsv", "demo/left_out.txt",
    }  # fmt: skip
    assert inside["demo/report.html"] == page
    assert inside["demo/left_out.txt"].splitlines()[1:] == ["large.tsv"]
